"""What a trainer's process is given of the worker's surroundings."""

from pathlib import Path

import pytest

from sweep.environment import computing_environment, trainer_environment
from sweep.worker.early import seats


@pytest.fixture
def gpus(monkeypatch):
    """Sets which GPUs this process may use."""
    return lambda *names: monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ",".join(names))


@pytest.fixture
def cores(monkeypatch):
    return lambda count: monkeypatch.setattr("sweep.worker.early.cpu_count", lambda: count)


def placed(count):
    return [(seat.gpu, seat.threads) for seat in seats(count, logs=Path("logs"))]


@pytest.mark.parametrize("name", ["SWEEP_STORAGE", "SWEEP_DASHBOARD_PASSWORD", "PGPASSWORD", "AWS_SECRET_ACCESS_KEY"])
def test_secrets_stay_with_the_worker(monkeypatch, name):
    monkeypatch.setenv(name, "hush")
    assert "hush" not in computing_environment().values()
    assert "hush" not in trainer_environment(gpu=None, threads=1).values()


@pytest.mark.parametrize(("chosen", "given"), [(None, "1"), ("0", "0")], ids=["by default", "unless a person chose"])
def test_tensorflow_computes_with_onednn(monkeypatch, chosen, given):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if chosen is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    assert computing_environment()["TF_ENABLE_ONEDNN_OPTS"] == given
    assert trainer_environment(gpu=None, threads=1)["TF_ENABLE_ONEDNN_OPTS"] == given


def test_where_onednn_was_not_measured_tensorflow_chooses(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    assert "TF_ENABLE_ONEDNN_OPTS" not in computing_environment()


def test_there_is_a_trainer_for_each_gpu(gpus, cores):
    gpus("0", "2", "MIG-9f1c")
    cores(12)
    assert placed(None) == [("0", 4), ("2", 4), ("MIG-9f1c", 4)]


def test_further_trainers_share_the_gpus_in_turn(gpus, cores):
    gpus("0", "1")
    cores(6)
    assert placed(3) == [("0", 2), ("1", 2), ("0", 2)]


@pytest.mark.parametrize("names", [("",), ("-1",)])
def test_without_a_gpu_one_trainer_has_all_cores(gpus, cores, names):
    gpus(*names)
    cores(8)
    assert placed(None) == [(None, 8)]
    assert placed(3) == [(None, 2)] * 3


def test_there_is_a_thread_for_each_trainer_however_few_the_cores(gpus, cores):
    gpus("")
    cores(2)
    assert placed(4) == [(None, 1)] * 4


def test_a_trainer_sees_its_own_gpu_and_takes_memory_as_it_needs_it(gpus):
    gpus("0", "1")
    variables = trainer_environment(gpu="1", threads=3)
    assert variables["CUDA_VISIBLE_DEVICES"] == "1"
    assert variables["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert variables["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
    assert variables["TF_NUM_INTRAOP_THREADS"] == variables["OMP_NUM_THREADS"] == "3"


def test_what_a_person_set_for_the_memory_stands(monkeypatch, gpus):
    gpus("0")
    monkeypatch.setenv("TF_FORCE_GPU_ALLOW_GROWTH", "false")
    assert trainer_environment(gpu="0", threads=1)["TF_FORCE_GPU_ALLOW_GROWTH"] == "false"
