"""`sweep export`: from a study to a folder that has proved itself, or to nothing."""

import hashlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.metadata import version

import numpy as np
import psutil
import pytest

from search_spaces import find_space
from storage import locate, open_store
from sweep.model.manifest import MANIFEST, check_manifest
from tests.acceptance.conftest import Workplace, copy_home

STUDY = "isolated-quick"
FILES = {
    "model.keras",
    "model.onnx",
    "model.tflite",
    "saved_model",
    "config.json",
    "labels.json",
    "metrics.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "proof.npz",
    "predict.py",
    "MODEL_CARD.md",
    "requirements.txt",
    MANIFEST,
}


@pytest.fixture(scope="module")
def place(known_experiments, shared_workplace):
    """A home to export from, of eleven trials."""
    copy_home(known_experiments[0].home, shared_workplace.home)
    return shared_workplace


@pytest.fixture(scope="module")
def best(place):
    """The document of the best reported experiment: the eleventh trial, which has no test metrics, may be better."""
    reported = [trial for trial in place.json("trials", STUDY) if trial["baseline"]]
    return place.json("show", STUDY, max(reported, key=lambda trial: trial["value"])["number"])


@pytest.fixture(scope="module")
def exported(place, best):
    """Its model in every format, and what the command said."""
    formats = ("--format", "onnx", "--format", "litert")
    answer = place.sweep("export", STUDY, "--trial", best["number"], "--out", "model", *formats)
    assert answer.returncode == 0, answer.stderr
    return place.folder / "model", answer


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def looks(place):
    """The records of who looked at the test images."""
    with open_store(locate(None, place.home)) as store:
        attributes = store.load(STUDY).user_attrs
    return [value for name, value in attributes.items() if name.startswith("test.")]


def nothing_is_left(place: Workplace, *kept):
    return {path.name for path in place.folder.iterdir()} == {"sweep-data", *kept}


def test_the_folder_is_complete_and_its_manifest_holds(exported, place):
    folder, answer = exported
    assert {path.name for path in folder.iterdir()} == FILES
    assert check_manifest(folder) == []
    assert nothing_is_left(place, "model")
    listed = read(folder, MANIFEST)["files"]
    assert listed["labels.json"]["sha256"] == hashlib.sha256((folder / "labels.json").read_bytes()).hexdigest()
    assert answer.stdout == ""
    assert "sweep predict model IMAGE" in answer.stderr
    assert "quick look" in answer.stderr
    assert "tensorflow" not in answer.stderr.lower()


@pytest.mark.parametrize(("part", "prefix"), [("validation", "val_"), ("test", "test_")])
def test_the_exported_metrics_are_the_trial_s(exported, best, part, prefix):
    measured = read(exported[0], "metrics.json")[part]
    for name in ("accuracy", "loss", "cross_entropy", "precision", "recall", "f1", "rmse", "confusion_matrix"):
        assert measured[name] == best["user_attrs"][f"{prefix}{name}"], name
    assert measured["images"] == 100
    assert measured["data"]["part"] == part
    assert sum(each["images"] for each in measured["per_class"]) == 100


def test_the_configuration_builds_the_same_network_and_can_be_enqueued(exported, best, place):
    document = read(exported[0], "config.json")
    assert (document["schema_version"], document["config"]) == (1, best["config"])
    assert document["model"] == {
        "part": "trial",
        "study": STUDY,
        "trial": best["number"],
        "seed": 43,
        "retrained": False,
    }
    assert document["preprocessing"] == {"image_shape": [28, 28, 1], "background": "dark", "fit": "pad"}
    plan = find_space("isolated").from_dict(document["config"]).plan((28, 28, 1), 10)
    assert plan.parameters == best["user_attrs"]["parameters"]
    assert place.sweep("create", "--family", "isolated", "--study", "other", "--limit", 100).returncode == 0
    assert place.sweep("enqueue", "other", "--file", exported[0] / "config.json").returncode == 0
    assert place.json("trials", "other")[-1]["config"] == best["config"]


def test_the_saved_model_takes_raw_images_and_names_them(exported):
    import tensorflow as tf

    folder = exported[0]
    serve = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    with np.load(folder / "proof.npz") as proof:
        images, expected = proof["images"], proof["probabilities"]
    answer = {name: each.numpy() for name, each in serve(images=tf.constant(images)).items()}
    assert set(answer) == {"label", "probabilities", "scores"}
    assert (images.dtype, images.shape) == (np.uint8, (256, 28, 28, 1))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
    powers = np.exp(answer["scores"] - answer["scores"].max(axis=1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), expected, atol=1e-5)
    labels = read(folder, "labels.json")
    assert [label.decode() for label in answer["label"]] == [labels[index] for index in expected.argmax(axis=1)]


def test_every_variable_is_stored_once_in_the_saved_model(exported, best):
    folder = exported[0]
    size = sum(path.stat().st_size for path in (folder / "saved_model").rglob("*") if path.is_file())
    assert size < 1.2 * 4 * best["user_attrs"]["parameters"]


def test_the_small_files_say_the_same(exported, best):
    folder = exported[0]
    wanted = [f"{name}=={version(name)}" for name in ("keras", "tensorflow", "numpy", "pillow")]
    assert (folder / "requirements.txt").read_text().splitlines() == wanted
    heading, *rows = [line.split(",") for line in (folder / "confusion_matrix.csv").read_text().splitlines()]
    assert heading[1:] == read(folder, "labels.json")
    assert [list(map(int, row[1:])) for row in rows] == best["user_attrs"]["test_confusion_matrix"]
    assert (folder / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    card = (folder / "MODEL_CARD.md").read_text()
    assert "This is a quick look, not a model to deploy." in card
    assert f"{100 * best['user_attrs']['test_accuracy']:.2f} %, standard error" in card
    code = (folder / "predict.py").read_text().splitlines()
    assert not [line for line in code if line.startswith(("from sweep", "import sweep"))]


def test_a_searched_trial_sees_the_test_images_now_and_that_is_recorded(exported, place):
    before = looks(place)
    answer = place.sweep("export", STUDY, "--trial", 10, "--out", "searched")
    assert answer.returncode == 0, answer.stderr
    assert "of 100 test images" in answer.stderr
    assert read(place.folder / "searched", "metrics.json")["test"]["images"] == 100
    (added,) = [look for look in looks(place) if look not in before]
    assert (added["by"], added["trial"]) == ("export", 10)
    assert added.keys() == {"by", "trial", "at", "host"}
    subprocess.run(["rm", "-r", place.folder / "searched"], check=True)


def test_an_existing_folder_stays_without_force(exported, place):
    folder = exported[0]
    manifest = (folder / MANIFEST).read_bytes()
    refused = place.sweep("export", STUDY, "--out", "model")
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert (folder / MANIFEST).read_bytes() == manifest


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--out", "best.json"), 2, "--format config"),
        (("--out", "x", "--format", "config", "--format", "onnx"), 2, "config.json is in every"),
        (("--out", "x", "--format", "onyx"), 2, "'onnx'"),
        (("--out", "nowhere/x"), 1, "nowhere does not exist"),
        (("--out", "."), 2, "others stand in"),
        (("--out", "sweep-data", "--force"), 2, "no exported model"),
        (("--out", "x", "--trial", "4711"), 2, "no trial 4711"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_before_anything_is_built(place, arguments, code, said):
    before = {path.name for path in place.folder.iterdir()}
    answer = place.sweep("export", STUDY, *arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert "Exporting" not in answer.stderr
    assert {path.name for path in place.folder.iterdir()} == before


@pytest.mark.long
def test_weights_that_were_not_kept_are_trained_again_only_when_asked(copy_of_known_experiments):
    place = copy_of_known_experiments
    (place.home / "weights" / STUDY / "3.weights.npz").unlink()
    refused = place.sweep("export", STUDY, "--trial", 3, "--out", "model")
    assert refused.returncode == 1
    assert "--retrain" in refused.stderr
    assert "0, 1, 2, 4" in refused.stderr
    answer = place.sweep("export", STUDY, "--trial", 3, "--out", "model", "--retrain")
    assert answer.returncode == 0, answer.stderr
    assert read(place.folder / "model", "config.json")["model"]["retrained"] is True
    card = (place.folder / "model" / "MODEL_CARD.md").read_text()
    assert "**Trained again for this export**" in card
    assert nothing_is_left(place, "model")
    assert not (place.home / "weights" / STUDY / "3.weights.npz").exists()
    assert len(place.json("trials", STUDY)) == 11


@pytest.mark.long
def test_weights_that_are_not_the_trial_s_fail_the_export(copy_of_known_experiments):
    place = copy_of_known_experiments
    weights = place.home / "weights" / STUDY
    (weights / "0.weights.npz").write_bytes((weights / "1.weights.npz").read_bytes())  # of the same shapes
    answer = place.sweep("export", STUDY, "--trial", 0, "--out", "model")
    assert answer.returncode == 1
    assert "did not prove itself" in answer.stderr
    assert "metrics.json says" in answer.stderr
    assert nothing_is_left(place)


def test_a_study_that_contradicts_itself_is_not_exported(copy_of_known_experiments):
    place = copy_of_known_experiments
    with closing(sqlite3.connect(place.home / "sweep.db")) as database, database:
        changed = database.execute("UPDATE trial_user_attributes SET value_json = '0.99' WHERE key = 'val_accuracy'")
        assert changed.rowcount == 11
    answer = place.sweep("export", STUDY, "--out", "model")
    assert answer.returncode == 1
    assert "0.990000" in answer.stderr
    assert nothing_is_left(place)


def _builder_of(running):
    (found,) = [
        process
        for process in psutil.Process(running.process.pid).children(recursive=True)
        if "sweep.export.build" in process.cmdline()
    ]
    return found


def test_ctrl_c_leaves_the_old_model_and_no_draft(copy_of_known_experiments, all_gone):
    place = copy_of_known_experiments
    (place.folder / "model").mkdir()
    (place.folder / "model" / MANIFEST).write_text("old")
    running = place.start("export", STUDY, "--out", "model", "--force")
    running.await_line("network rebuilt")
    builder = _builder_of(running)
    running.press_ctrl_c()
    assert running.wait(30) == 130
    assert all_gone([builder], 10)
    assert nothing_is_left(place, "model")
    assert (place.folder / "model" / MANIFEST).read_text() == "old"
    assert looks(place) == []


def test_a_builder_that_is_killed_leaves_nothing(copy_of_known_experiments):
    place = copy_of_known_experiments
    running = place.start("export", STUDY, "--out", "model")
    running.await_line("network rebuilt")
    _builder_of(running).kill()
    assert running.wait(30) == 1
    running.read_all()
    assert "signal 9" in "".join(running.lines)
    assert nothing_is_left(place)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_builder_does_not_outlive_its_command(copy_of_known_experiments, all_gone, number):
    place = copy_of_known_experiments
    running = place.start("export", STUDY, "--out", "model")
    running.await_line("network rebuilt")
    builder = _builder_of(running)
    os.kill(running.process.pid, number)
    assert running.wait(30) == (143 if number == signal.SIGTERM else -9)
    assert all_gone([builder], 10)
    assert not (place.folder / "model").exists()
    if number == signal.SIGTERM:
        assert nothing_is_left(place)


def test_a_host_without_a_format_s_packages_refuses_by_name(copy_of_known_experiments):
    place = copy_of_known_experiments
    without = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n in {} else f(n, *a)"
    for names, formats, said in (
        (("tf2onnx",), ["--format", "onnx"], "tf2onnx. Install them: pip install tf2onnx"),
        (("tensorflow",), [], "TensorFlow is not installed here"),
    ):
        program = f"{without.format(names)}; from sweep.cli.main import run; run()"
        arguments = ["export", STUDY, "--out", "model", *formats]
        answer = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=place.folder, capture_output=True, text=True, check=False
        )
        assert answer.returncode == 1
        assert said in answer.stderr
    assert nothing_is_left(place)
