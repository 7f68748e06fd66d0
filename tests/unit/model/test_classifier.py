import json
import zipfile

import keras
import numpy as np
import pytest

from sweep.model.predict import Classifier, FolderError


def test_probabilities_are_those_of_the_export_in_any_batch_size(classifier, proof):
    for count in (1, 2, 7, 200):
        found = classifier.probabilities(proof["images"][:count])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, proof["probabilities"][:count], atol=1e-6)


def test_more_images_than_a_batch_are_answered_in_order(classifier, proof):
    found = classifier.probabilities(np.concatenate([proof["images"]] * 3))
    np.testing.assert_allclose(found, np.concatenate([proof["probabilities"]] * 3), atol=1e-6)


def test_no_image_has_no_probabilities(classifier):
    assert classifier.probabilities(np.empty((0, 28, 28, 1), np.uint8)).shape == (0, 10)


def test_an_answer_ranks_the_three_likeliest_labels(classifier):
    row = np.array([[0, 0.125, 0, 0.5, 0, 0, 0.25, 0, 0.125, 0]], np.float32)
    assert classifier.answers(["a.png"], row) == [
        {
            "image": "a.png",
            "label": "3",
            "confidence": 0.5,
            "runners_up": [{"label": "6", "confidence": 0.25}, {"label": "1", "confidence": 0.125}],
        }
    ]


def test_answers_are_plain_json(classifier, proof):
    answers = classifier.answers(["a", "b"], proof["probabilities"][:2])
    assert json.loads(json.dumps(answers)) == answers


@pytest.mark.parametrize("name", ["labels.json", "config.json", "model.keras"])
@pytest.mark.parametrize("how", ["missing", "damaged", "empty"])
def test_a_broken_folder_is_said_by_the_file_s_name(folder, name, how):
    path = folder / name
    content = path.read_bytes()
    path.unlink()
    if how != "missing":
        path.write_bytes(content[: len(content) // 2] if how == "damaged" else b"")
    with pytest.raises(FolderError, match=name):
        Classifier(folder)


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("labels.json", lambda labels: labels[:-1], r"gives \(None, 10\), but labels.json has 9 labels"),
        ("config.json", lambda config: {}, "is not as exported: KeyError"),
        ("config.json", lambda config: change(config, image_shape=[28, 28, 3]), r"config\.json says \(28, 28, 3\)"),
        ("config.json", lambda config: change(config, image_shape=[28, 28, 2]), "a preprocessing that is not known"),
        ("config.json", lambda config: change(config, background="red"), "a preprocessing that is not known"),
        ("config.json", lambda config: change(config, fit="crop"), "a fit that is not known: 'crop'"),
    ],
)
def test_files_that_do_not_fit_each_other_are_said(folder, name, edit, message):
    path = folder / name
    path.write_text(json.dumps(edit(json.loads(path.read_text()))))
    with pytest.raises(FolderError, match=message):
        Classifier(folder)


def change(config, **preprocessing):
    return config | {"preprocessing": config["preprocessing"] | preprocessing}


def test_code_in_a_model_file_is_not_run(folder, lambda_model, evidence):
    lambda_model(folder / "model.keras")
    with pytest.raises(FolderError, match=r"model\.keras cannot be loaded"):
        Classifier(folder)
    assert not evidence.exists()


def test_the_code_in_that_file_would_have_been_seen(folder, lambda_model, evidence):
    lambda_model(folder / "model.keras")
    model = keras.saving.load_model(folder / "model.keras", compile=False, safe_mode=False)
    model(np.zeros((1, 28, 28, 1), np.uint8))
    assert evidence.exists()


def test_a_class_that_is_not_keras_s_own_is_not_imported(folder, evidence):
    """A module's name in the file is imported by whoever trusts it."""
    (folder / "hostile.py").write_text(f"open({str(evidence)!r}, 'w').close()\nclass Dense: pass\n")
    path = folder / "model.keras"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    content["config.json"] = content["config.json"].replace(
        b'"module": "keras.layers", "class_name": "Dense"', b'"module": "hostile", "class_name": "Dense"'
    )
    assert b"hostile" in content["config.json"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with pytest.raises(FolderError, match=r"model\.keras cannot be loaded"):
            Classifier(folder)
    assert not evidence.exists()
