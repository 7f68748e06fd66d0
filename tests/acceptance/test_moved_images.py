"""A study whose images were moved, from its first trial to a folder that proves its score, with real fits."""

import json

import numpy as np
import pytest

STUDY = "mine"
TERMS = ("--family", "isolated", "--study", STUDY, "--limit", "40", "--epochs", "1", "--batch-size", "16")
NEW = "elsewhere/images.npz"


def save_images(path, *, seed=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(seed).integers(0, 256, (200, 28, 28), np.uint8)
    labels = np.arange(200) % 4
    np.savez(path, x_train=images, y_train=labels, x_test=images, y_test=labels)


@pytest.fixture(scope="module")
def place(shared_workplace):
    """One trained experiment, and its images gone from where they were."""
    images = shared_workplace.folder / "images.npz"
    save_images(images)
    begun = shared_workplace.sweep("start", *TERMS, "--dataset", images.name, "--trials", 1)
    assert begun.returncode == 0, begun.stderr
    (shared_workplace.folder / "elsewhere").mkdir()
    images.rename(shared_workplace.folder / NEW)
    save_images(shared_workplace.folder / "other.npz", seed=2)
    return shared_workplace


def test_it_is_confirmed_and_the_exported_folder_names_the_new_place(place):
    confirmed = place.sweep("confirm", STUDY, "--seeds", 2, "--dataset", NEW)
    assert confirmed.returncode == 0, confirmed.stderr
    exported = place.sweep("export", STUDY, "--trial", 0, "--out", "model", "--dataset", NEW)
    assert exported.returncode == 0, exported.stderr
    assert json.loads((place.folder / "model" / "config.json").read_text())["data"]["dataset"] == NEW
    document = place.json("verify", "model")
    assert document["problems"] == []
    assert document["score"] is not None


def test_other_images_are_refused_before_anything_is_trained_on_them(place):
    weights = place.home / "weights" / STUDY / "0.weights.npz"
    kept = weights.rename(weights.with_name("kept"))
    answer = place.sweep("export", STUDY, "--trial", 0, "--out", "others", "--retrain", "--dataset", "other.npz")
    kept.rename(weights)
    assert answer.returncode == 1
    assert "other.npz has other images than the study was made with" in answer.stderr
    assert "epoch" not in answer.stderr
    assert not (place.folder / "others").exists()


def test_other_images_are_refused_for_weights_that_were_kept(place):
    answer = place.sweep("export", STUDY, "--trial", 0, "--out", "others", "--dataset", "other.npz")
    assert answer.returncode == 1
    assert "other.npz has other images than the study was made with" in answer.stderr
    assert not (place.folder / "others").exists()
