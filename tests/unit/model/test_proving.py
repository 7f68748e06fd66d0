import json
import os
import re

import numpy as np
import pytest
import tensorflow as tf

from sweep.data.dataset import DataReference
from sweep.model import verifying
from sweep.model.manifest import check_manifest, write_manifest
from sweep.model.proof import prove_folder
from sweep.model.verifying import ProofError, prove, reference_of


@pytest.fixture
def digits(tmp_path):
    return DataReference(name="digits", cache_dir=tmp_path / "cache")


def complaints(folder, data=None):
    """What the proof process would say, without the seconds that a process takes to start."""
    return "\n".join(prove_folder(folder, data=data, data_required=False)["problems"])


def test_every_format_and_the_whole_score_are_proved_by_the_real_libraries(exported, digits, tmp_path, monkeypatch):
    """Whatever lies in the working directory is not taken for them."""
    (tmp_path / "keras.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    proof = prove(exported, data=digits, data_required=True)
    assert proof.problems == ()
    assert list(proof.formats) == ["keras", "saved_model", "onnx", "litert"]
    assert all(each.checked and each.images == 200 and each.difference < 1e-4 for each in proof.formats.values())
    metrics = json.loads((exported / "metrics.json").read_text())
    for part in ("validation", "test"):
        assert proof.score[part].images == metrics[part]["images"]
        assert proof.score[part].accuracy == pytest.approx(metrics[part]["accuracy"], abs=0.02)
    assert proof.source == "scikit-learn's digits"
    assert proof.not_repeated is None


def test_without_a_data_set_the_formats_alone_are_proved(exported):
    proof = prove_folder(exported, data=None, data_required=False)
    assert all(each["checked"] for each in proof["formats"].values())
    assert proof["score"] is None
    assert proof["not_repeated"] == "no data set was named"


def test_a_draft_without_a_manifest_is_proved_too(folder):
    (folder / "MANIFEST.json").unlink()
    assert complaints(folder) == ""


@pytest.fixture
def others(tmp_path):
    """A data set that nothing was trained on."""
    arrays = {"x": np.zeros((40, 28, 28), np.uint8), "y": np.arange(40) % 10}
    path = tmp_path / "other.npz"
    np.savez(path, **{f"{key}_{part}": arrays[key] for key in "xy" for part in ("train", "test")})
    return path


def test_a_data_set_below_the_home_directory_is_found_there(exported, others, monkeypatch):
    monkeypatch.setenv("HOME", str(others.parent))
    proof = prove(exported, data=DataReference(name="~/other.npz", cache_dir=others.parent))
    assert "are others" in (proof.not_repeated or "")


def test_other_data_is_no_proof(exported, others, tmp_path):
    other = DataReference(name=str(others), cache_dir=tmp_path)
    proof = prove_folder(exported, data=other, data_required=False)
    assert (proof["score"], proof["problems"]) == (None, [])
    assert "are others. Expected SHA-256" in proof["not_repeated"]
    (problem,) = prove_folder(exported, data=other, data_required=True)["problems"]
    assert problem.startswith("the score was not repeated: the images of ")


def test_data_that_cannot_be_had_leaves_the_score_out_or_fails(exported, tmp_path):
    missing = DataReference(name=str(tmp_path / "missing.npz"), cache_dir=tmp_path)
    assert "missing.npz" in prove_folder(exported, data=missing, data_required=False)["not_repeated"]
    assert "missing.npz" in prove_folder(exported, data=missing, data_required=True)["problems"][0]


def other_probabilities(folder):
    with np.load(folder / "proof.npz") as arrays:
        content = dict(arrays)
    content["probabilities"][17, 3] += 0.01
    np.savez(folder / "proof.npz", **content)


def no_number(folder):
    with np.load(folder / "proof.npz") as arrays:
        content = dict(arrays)
    content["probabilities"][17, 3] = np.nan
    np.savez(folder / "proof.npz", **content)


def test_an_expected_probability_that_no_format_gives_is_named_by_format(folder):
    other_probabilities(folder)
    said = complaints(folder)
    for path in ("model.keras", "saved_model", "model.onnx", "model.tflite"):
        assert f"{path}: probabilities of image 17 of proof.npz differ by 0.01" in said


def test_what_is_no_number_is_no_small_difference(folder):
    no_number(folder)
    answer = prove_folder(folder, data=None, data_required=False)
    assert len(answer["problems"]) == 4
    assert answer["formats"]["onnx"]["difference"] is None


def edited(recorded, **changes):
    return {"test": recorded["test"] | changes}


def moved(recorded):
    """Three images in other columns than the network puts them."""
    matrix = [list(row) for row in recorded["test"]["confusion_matrix"]]
    matrix[0][0] -= 3
    matrix[0][1] += 3
    return edited(recorded, confusion_matrix=matrix)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (moved, "test: 3 of 200 images are taken for another class than metrics.json says"),
        (lambda recorded: edited(recorded, cross_entropy=1.5), "test: cross_entropy is .* but metrics.json says 1.500"),
        (lambda recorded: edited(recorded, loss=1.5), "test: loss is .* but metrics.json says 1.500"),
        (lambda recorded: edited(recorded, accuracy=0.99), "contradicts its own confusion matrix in accuracy"),
        (lambda recorded: edited(recorded, images=7), "counts 200 images, and the data set has 200|counts"),
        (lambda recorded: edited(recorded, per_class=recorded["test"]["per_class"][::-1]), "in per_class of 0"),
        (
            lambda recorded: edited(recorded, data=recorded["test"]["data"] | {"sha256": "0"}),
            "test: metrics.json says it was measured on other data",
        ),
    ],
    ids=["matrix", "cross-entropy", "loss", "accuracy", "images", "per class", "data"],
)
def test_a_figure_that_is_not_so_is_named(folder, digits, rewrite, edit, message):
    rewrite("metrics.json", lambda metrics: metrics | edit(metrics))
    assert re.search(message, complaints(folder, digits))


def test_a_model_without_a_validation_part_is_proved_on_the_test_images(folder, digits, rewrite):
    rewrite("metrics.json", lambda metrics: metrics | {"validation": None})
    assert list(prove_folder(folder, data=digits, data_required=True)["score"]) == ["test"]


def test_figures_that_are_missing_are_named_unless_an_export_is_under_way(folder, digits, rewrite):
    rewrite("metrics.json", lambda metrics: metrics | {"test": {"data": metrics["test"]["data"]}})
    assert "test: metrics.json does not say: accuracy, " in complaints(folder, digits)
    proof = prove_folder(folder, data=digits, data_required=True, measure_missing=True)
    assert proof["problems"] == []
    test = proof["score"]["test"]
    assert test["images"] == sum(map(sum, test["confusion_matrix"])) == 200


def test_other_labels_than_the_data_set_s_are_named(folder, digits, rewrite):
    rewrite("labels.json", lambda labels: labels[::-1])
    assert re.search(r"labels\.json says", complaints(folder, digits))


def test_code_in_a_model_file_is_not_run(folder, lambda_model, evidence):
    lambda_model(folder / "model.keras")
    write_manifest(folder)
    assert check_manifest(folder) == []
    assert re.search(r"model\.keras cannot be loaded", complaints(folder))
    assert not evidence.exists()


def test_code_in_a_saved_model_is_not_run(folder, evidence):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec((None, 28, 28, 1), tf.uint8, name="images")])
    def serve(images):
        tf.io.write_file(str(evidence), "text")
        return {"probabilities": tf.zeros((tf.shape(images)[0], 10))}

    tf.saved_model.save(module, str(folder / "saved_model"), signatures={"serving_default": serve})
    assert re.search("saved_model is refused unloaded, for it holds the operation WriteFile", complaints(folder))
    assert not evidence.exists()


@pytest.mark.parametrize("name", ["model.onnx", "model.tflite", "saved_model/saved_model.pb", "proof.npz"])
def test_a_damaged_file_is_named_although_its_hash_fits(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:200])
    assert re.search(name.split("/")[0].replace(".", r"\."), complaints(folder))


def test_a_pickle_in_the_proof_is_not_loaded(folder, evidence):
    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(evidence),)

    np.savez(folder / "proof.npz", images=np.array([Hostile()], dtype=object))
    assert re.search(r"proof\.npz cannot be read", complaints(folder))
    assert not evidence.exists()


def test_a_proof_that_takes_too_long_is_ended(exported):
    with pytest.raises(ProofError, match="took more than 0 seconds"):
        prove(exported, data=None, timeout_seconds=0.01)


def test_a_process_that_dies_says_its_last_words(exported, monkeypatch):
    monkeypatch.setattr(verifying, "PROOF_MODULE", "sweep.model.none")
    with pytest.raises(ProofError, match=r"ended with exit code 1; it said last:\n.*No module named"):
        prove(exported, data=None)


def test_what_differs_is_raised_by_the_process_that_asked(folder):
    other_probabilities(folder)
    with pytest.raises(ProofError, match=r"does not do what it says:\n  model\.keras: probabilities of image 17"):
        prove(folder, data=None)


def test_the_score_s_data_is_looked_for_where_config_says(exported, tmp_path):
    reference = reference_of(exported, dataset=None, data_dir=None, cache_dir=tmp_path)
    assert (reference.name, reference.image_size, reference.color) == ("digits", 28, False)
    assert reference_of(exported, dataset="a.npz", data_dir=None, cache_dir=tmp_path).name == "a.npz"


def test_a_config_that_names_no_data_is_said(folder, tmp_path):
    (folder / "config.json").write_text("{}")
    with pytest.raises(ProofError, match=r"config\.json in .* does not say which data"):
        reference_of(folder, dataset=None, data_dir=None, cache_dir=tmp_path)
