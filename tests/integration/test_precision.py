"""Which dtype policy `auto` takes."""

import json

import keras
import pytest

from sweep.trainer import precision


@pytest.fixture
def machine(monkeypatch):
    """A processor with these flags, on which bfloat16 is so many times as fast; the probes that were made of it."""
    probes = []

    def make(*, flags=("amx_bf16",), speedup=2.0, gpus=()):
        monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))
        monkeypatch.setattr(precision, "gpu_ids", lambda: gpus)
        monkeypatch.setattr(precision, "bfloat16_speedup", lambda: probes.append(speedup) or speedup)
        return probes

    return make


@pytest.mark.parametrize(
    ("flags", "gpus", "speedup", "policy", "probes"),
    [
        ({"amx_bf16", "avx2"}, (), 4.0, "mixed_bfloat16", 1),
        ({"avx512_bf16"}, (), 1.21, "mixed_bfloat16", 1),
        ({"bf16"}, (), 2.0, "mixed_bfloat16", 1),
        ({"avx512_bf16"}, (), 1.19, "float32", 1),
        ({"avx2", "avx512f"}, (), 4.0, "float32", 0),
        ({"avx2"}, ("0",), 1.5, "mixed_bfloat16", 1),
        ({"avx2"}, ("0",), 0.7, "float32", 1),
    ],
)
def test_bfloat16_is_taken_where_it_was_measured_to_be_faster(machine, tmp_path, flags, gpus, speedup, policy, probes):
    made = machine(flags=flags, gpus=gpus, speedup=speedup)
    assert precision.dtype_policy("auto", tmp_path) == policy
    assert len(made) == probes


@pytest.mark.parametrize("wanted", ["float32", "mixed_bfloat16"])
def test_what_was_asked_for_is_taken_without_a_probe(machine, tmp_path, wanted):
    made = machine(flags=())
    assert precision.dtype_policy(wanted, tmp_path) == wanted
    assert made == []
    assert list(tmp_path.iterdir()) == []


def test_a_probe_is_made_once_on_a_machine(machine, tmp_path):
    made = machine()
    cache = tmp_path / "cache"
    assert [precision.dtype_policy("auto", cache) for _ in range(3)] == ["mixed_bfloat16"] * 3
    assert len(made) == 1
    assert [path.name for path in cache.iterdir()] == [precision.PROBE_FILE]


def test_another_machine_is_probed_for_itself(machine, tmp_path):
    machine()
    (tmp_path / precision.PROBE_FILE).write_text(json.dumps({"box-2: Xeon, 2 threads; tensorflow 2.21": 0.5}))
    assert precision.dtype_policy("auto", tmp_path) == "mixed_bfloat16"
    assert sorted(json.loads((tmp_path / precision.PROBE_FILE).read_text()).values()) == [0.5, 2.0]


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '{"a": "b"}'])
def test_a_damaged_note_of_the_probe_is_written_anew(machine, tmp_path, content):
    made = machine()
    path = tmp_path / precision.PROBE_FILE
    path.write_text(content)
    assert precision.dtype_policy("auto", tmp_path) == "mixed_bfloat16"
    assert precision.dtype_policy("auto", tmp_path) == "mixed_bfloat16"
    assert len(made) == 1


def test_a_folder_that_takes_no_file_costs_a_probe_and_nothing_else(machine, tmp_path):
    made = machine()
    occupied = tmp_path / "occupied"
    occupied.write_text("")
    assert [precision.dtype_policy("auto", occupied) for _ in range(2)] == ["mixed_bfloat16"] * 2
    assert len(made) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["occupied"]


def test_the_probe_times_this_machine():
    assert keras.backend.backend() == "tensorflow"
    assert 0.01 < precision.bfloat16_speedup() < 100
