"""The service around a real model, called in this process."""

import io
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sweep.model.predict import Classifier, quiet
from sweep.service.application import Model, make_application
from tests.model_folder import model_folder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have httpx's successor
    from starlette.testclient import TestClient

Png = Callable[[np.ndarray], bytes]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported folder; not to be changed."""
    return model_folder(tmp_path_factory)


@pytest.fixture(scope="session")
def model(exported: Path) -> Model:
    """Its model, loaded and warm."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        loaded = Model(classifier=Classifier(exported), folder="digits", sha256="0123")
        loaded.warm_up()
    return loaded


@pytest.fixture
def client(model: Model) -> Iterator[TestClient]:
    """A client of a service that has answered nothing yet."""
    with TestClient(make_application(model), raise_server_exceptions=True) as client:
        yield client


@pytest.fixture(scope="session")
def proof(exported: Path) -> np.ndarray:
    """Images of the model's own size, uint8."""
    with np.load(exported / "proof.npz") as proof:
        return np.asarray(proof["images"])


@pytest.fixture(scope="session")
def png() -> Png:
    """An image's pixels as a PNG file."""

    def write(pixels: np.ndarray) -> bytes:
        file = io.BytesIO()
        Image.fromarray(pixels[:, :, 0]).save(file, "PNG")
        return file.getvalue()

    return write
