"""A small exported folder with every format, and what was loaded from it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sweep.model.manifest import write_manifest
from sweep.model.predict import Classifier
from tests.model_folder import model_folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder, to be looked at."""
    return model_folder(tmp_path_factory)


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(exported, tmp_path / "model"))


@pytest.fixture(scope="session")
def classifier(exported: Path) -> Classifier:
    """Digits, white on black, 28 x 28 x 1."""
    return Classifier(exported)


@pytest.fixture(scope="session")
def proof(exported: Path) -> dict[str, Any]:
    """The arrays of proof.npz."""
    with np.load(exported / "proof.npz", allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture
def rewrite(folder: Path) -> Callable[..., None]:
    """Change a JSON file of the copy as whoever also knows how to write the manifest would."""

    def change(name: str, edit: Callable[[Any], Any]) -> None:
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(edit(document) or document))
        write_manifest(folder)

    return change


@pytest.fixture
def make_classifier(folder: Path) -> Callable[..., Classifier]:
    """A classifier of the same network that prepares images in another way."""

    def make(**preprocessing: Any) -> Classifier:
        path = folder / "config.json"
        config = json.loads(path.read_text())
        config["preprocessing"] |= preprocessing
        path.write_text(json.dumps(config))
        return Classifier(folder)

    return make


@pytest.fixture
def evidence(tmp_path: Path) -> Path:
    """The file that hostile code in a model writes when it runs."""
    return tmp_path / "evidence"


@pytest.fixture
def lambda_model(evidence: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Write a model of the right shape that carries code."""
    monkeypatch.setenv("EVIDENCE", str(evidence))

    def write(path: Path) -> None:
        import keras

        # A lambda's code is stored in the file, a function's name only; it finds its path in the environment.
        hostile = lambda features: (open(__import__("os").environ["EVIDENCE"], "w").close(), features)[1]  # noqa: E731, PTH123
        images = keras.Input((28, 28, 1), dtype="uint8")
        outputs = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(images))
        outputs = keras.layers.Lambda(hostile, output_shape=(10,))(outputs)
        keras.Model(images, outputs).save(path)
        evidence.unlink(missing_ok=True)

    return write
