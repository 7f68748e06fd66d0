import json
import shutil

import pytest

from tests.model_folder import model_folder


@pytest.fixture(scope="module")
def place(shared_workplace, tmp_path_factory):
    """A workplace with an exported folder alone."""
    shutil.copytree(model_folder(tmp_path_factory), shared_workplace.folder / "model")
    return shared_workplace


def test_a_folder_as_it_was_exported_proves_itself(place):
    answer = place.sweep("verify", "model")
    assert answer.returncode == 0, answer.stderr
    steps = [line.split()[0] for line in answer.stdout.splitlines()]
    assert steps == ["files", "keras", "saved_model", "onnx", "litert", "validation", "test"]
    assert answer.stderr == "model is as it was exported, and does what it says.\n"
    assert not place.home.exists()


@pytest.mark.long
def test_what_was_verified_is_one_document(place):
    found = place.json("verify", "model", "--dataset", "digits")
    assert found["problems"] == []
    assert "model.keras" in found["files"]
    assert {name: each["checked"] for name, each in found["formats"].items()} == dict.fromkeys(
        ("keras", "saved_model", "onnx", "litert"), True
    )
    assert found["score"]["test"]["images"] == 200
    assert found["not_repeated"] is None


@pytest.mark.long
def test_data_that_was_named_and_is_not_there_is_a_problem(place):
    answer = place.sweep("verify", "model", "--dataset", "none.npz")
    assert answer.returncode == 1
    assert "the score was not repeated" in answer.stdout
    assert "none.npz" in answer.stdout


def test_one_changed_byte_is_named_and_nothing_is_loaded(place):
    changed = place.folder / "changed"
    shutil.copytree(place.folder / "model", changed)
    path = changed / "saved_model" / "variables" / "variables.index"
    content = bytearray(path.read_bytes())
    content[10] ^= 1
    path.write_bytes(content)
    (changed / "more.txt").write_text("more")
    (changed / "labels.json").unlink()
    answer = place.sweep("verify", "changed")
    assert answer.returncode == 1
    lines = answer.stdout.splitlines()
    assert lines[0].startswith("files       labels.json: missing")
    assert lines[1].startswith("files       more.txt: additional")
    assert lines[2].startswith("files       saved_model/variables/variables.index: changed")
    assert "nothing was loaded" in lines[3]
    assert "do not deploy it" in answer.stderr
    document = json.loads(place.sweep("verify", "changed", "--json").stdout)
    assert [(each["file"], each["kind"]) for each in document["problems"]] == [
        ("labels.json", "missing"),
        ("more.txt", "additional"),
        ("saved_model/variables/variables.index", "changed"),
    ]
    assert (document["formats"], document["score"]) == ({}, None)


def test_what_is_no_exported_folder_is_said(place):
    answer = place.sweep("verify", ".")
    assert answer.returncode == 1
    assert "no exported model" in answer.stderr
    assert "sweep export STUDY --out DIR" in answer.stderr
