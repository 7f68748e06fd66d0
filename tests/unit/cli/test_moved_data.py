"""A study whose images lie elsewhere now: every command that needs them is told where by --dataset."""

import json

import numpy as np
import pytest

from storage import locate, open_store
from sweep.identity import read_identity
from tests.unit.cli.conftest import complete_one

STUDY = "mine"
TERMS = ("--family", "isolated", "--study", STUDY, "--limit", "40", "--epochs", "1", "--trials", "1")


def save_images(path, *, shade=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    images, labels = np.full((200, 28, 28), shade, np.uint8), np.arange(200) % 10
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)


@pytest.fixture
def moved(sweep, workplace):
    """A study that has ended, called by a relative path of images that were moved to `elsewhere` since."""
    save_images(workplace / "images.npz")
    assert sweep("create", *TERMS, "--dataset", "images.npz", "--experiment", "isolated-1").code == 0
    with open_store(locate(None, workplace / "sweep-data"), write=True) as store:
        complete_one(store.load(STUDY))
    (workplace / "elsewhere").mkdir()
    (workplace / "images.npz").rename(workplace / "elsewhere" / "images.npz")
    save_images(workplace / "other.npz", shade=1)
    return workplace


def test_a_study_is_joined_with_its_images_at_another_place(sweep, moved):
    outcome = sweep("join", STUDY, "--dataset", "elsewhere/images.npz")
    assert outcome.code == 0, outcome.err
    assert "from elsewhere/images.npz" in outcome.err
    with open_store(locate(None, moved / "sweep-data")) as store:
        assert read_identity(store.load(STUDY)).dataset == "images.npz"  # as it was made


@pytest.mark.parametrize("command", ["join", "confirm"])
def test_other_images_than_the_studys_are_refused(sweep, moved, command):
    before = json.loads(sweep("trials", STUDY, "--json").out)
    outcome = sweep(command, STUDY, "--dataset", "other.npz")
    assert outcome.code == 2
    assert "dataset_sha256" in outcome.err
    assert json.loads(sweep("trials", STUDY, "--json").out) == before


@pytest.mark.parametrize("command", ["join", "confirm"])
def test_without_the_new_place_it_is_said_where_was_looked_and_how_to_name_it(sweep, moved, command):
    outcome = sweep(command, STUDY)
    assert outcome.code == 1
    assert f"No file {moved / 'images.npz'}." in outcome.err
    assert "--dataset" in outcome.err


def test_a_data_dir_is_for_fashion_mnist_alone_wherever_the_images_are(sweep, moved):
    outcome = sweep("join", STUDY, "--dataset", "elsewhere/images.npz", "--data-dir", "elsewhere")
    assert outcome.code == 2
    assert "--dataset elsewhere/images.npz names its own place" in outcome.err
