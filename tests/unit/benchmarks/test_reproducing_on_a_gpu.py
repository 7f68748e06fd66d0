"""Which of Keras's backends reproduces the report on a host with a GPU."""

import pytest
from reproduce import backend

TENSORFLOW = "class config:\n    list_physical_devices = lambda kind: {seen}\n"
JAX = "default_backend = lambda: '{name}'\n"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host with a GPU, or without, and libraries that see it or not: stand-ins, for no test has a GPU."""

    def make(*, gpu, tensorflow=False, jax=False):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0" if gpu else "")
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        (tmp_path / "tensorflow.py").write_text(TENSORFLOW.format(seen=["GPU:0"] if tensorflow else []))
        (tmp_path / "jax.py").write_text(JAX.format(name="gpu" if jax else "cpu"))

    return make


@pytest.mark.parametrize(
    ("seen", "chosen"),
    [
        ({"gpu": False}, {}),
        ({"gpu": True, "tensorflow": True, "jax": True}, {}),
        ({"gpu": True, "jax": True}, {"KERAS_BACKEND": "jax"}),
    ],
    ids=["no GPU", "both see it", "only JAX sees it"],
)
def test_jax_trains_where_only_jax_sees_the_gpu(host, seen, chosen, capsys):
    host(**seen)
    assert backend() == chosen
    assert capsys.readouterr().err == ""


def test_a_gpu_that_neither_sees_is_said_with_the_way_out(host, capsys):
    host(gpu=True)
    assert backend() == {}
    assert "install -c constraints.txt -e '.[gpu]'" in capsys.readouterr().err


def test_who_chose_a_backend_is_not_asked(host, monkeypatch, capsys):
    host(gpu=True, jax=True)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    assert backend() == {}
    assert capsys.readouterr().err == ""
