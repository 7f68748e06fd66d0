import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.model_folder import model_folder


@pytest.fixture(scope="module")
def place(shared_workplace, tmp_path_factory):
    """A workplace with an exported folder alone: no home, no study."""
    shutil.copytree(model_folder(tmp_path_factory), shared_workplace.folder / "model")
    images = shared_workplace.folder / "images"
    (images / "inner").mkdir(parents=True)
    with np.load(shared_workplace.folder / "model" / "proof.npz") as arrays:
        for number in range(3):
            Image.fromarray(arrays["images"][number][..., 0]).save(images / "inner" / f"{number}.png")
    (images / "bad.png").write_text("text")
    return shared_workplace


@pytest.fixture(scope="module")
def expected(place):
    with np.load(place.folder / "model" / "proof.npz") as arrays:
        return arrays["probabilities"][:3]


@pytest.fixture(scope="module")
def answers(place):
    """What the command says of a folder's images, and of one of them by its name."""
    return place.json("predict", "model", "images/inner", "images/inner/0.png")


def test_images_are_answered_with_the_exported_folder_alone(place, expected, answers):
    assert [answer["image"] for answer in answers] == [f"images/inner/{name}.png" for name in (0, 1, 2, 0)]
    for answer, row in zip(answers, expected, strict=False):
        assert set(answer) == {"image", "label", "confidence", "runners_up"}
        assert answer["label"] == str(row.argmax())
        assert answer["confidence"] == pytest.approx(row.max(), abs=1e-6)
        assert [each["label"] for each in answer["runners_up"]] == [str(label) for label in np.argsort(-row)[1:3]]
    assert not place.home.exists()


def test_a_bad_image_is_named_and_the_others_are_answered(place, expected):
    answer = place.sweep("predict", "model", "images")
    assert answer.returncode == 1
    assert answer.stderr.startswith("images/bad.png is not an image.")
    lines = answer.stdout.splitlines()
    assert lines[0].split() == ["image", "label", "confidence", "runners-up"]
    assert [line.split()[:2] for line in lines[1:]] == [
        [f"images/inner/{number}.png", str(row.argmax())] for number, row in enumerate(expected)
    ]


def test_the_folder_s_own_program_says_the_same(place, answers):
    """It is read from any working directory, and says nothing that nobody asked for."""
    # The same four: of another number of images at once the last digits may differ.
    images = [str(place.folder / answer["image"]) for answer in answers]
    command = [sys.executable, str(place.folder / "model" / "predict.py"), "--json", *images]
    ended = subprocess.run(command, cwd=Path("/"), capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == [
        answer | {"image": image} for answer, image in zip(answers, images, strict=True)
    ]
    assert not list(place.folder.glob("model/__pycache__"))


def test_the_folder_s_own_program_names_a_bad_image(place):
    command = [sys.executable, "model/predict.py", "images"]
    ended = subprocess.run(command, cwd=place.folder, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("Error: images/bad.png is not an image.")
    assert len(ended.stdout.splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("model", "empty"), 2, "No image in empty"),
        (("model",), 2, "IMAGE"),
        (("images", "images/inner/0.png"), 1, "images is no exported model: it has no MANIFEST.json"),
        (("none", "images/inner/0.png"), 1, "none does not exist"),
    ],
    ids=["no image in a folder", "no image", "another folder", "no folder"],
)
def test_what_cannot_be_answered_is_said_with_the_way_out(place, arguments, code, said):
    (place.folder / "empty").mkdir(exist_ok=True)
    answer = place.sweep("predict", *arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert answer.stdout == ""


def test_a_changed_model_answers_nothing(place):
    changed = place.folder / "changed"
    shutil.copytree(place.folder / "model", changed)
    content = bytearray((changed / "model.keras").read_bytes())
    content[-1] ^= 1
    (changed / "model.keras").write_bytes(content)
    answer = place.sweep("predict", "changed", "images/inner/0.png")
    assert answer.returncode == 1
    assert "model.keras: changed" in answer.stderr
