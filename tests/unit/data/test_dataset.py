import pickle

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from sweep.data import images
from sweep.data.dataset import DataError, DataReference, load_dataset
from sweep.errors import WorldError


@pytest.fixture
def reference(tmp_path):
    def refer(name="digits", **options):
        return DataReference(name=name, cache_dir=tmp_path, **options)

    return refer


@pytest.fixture
def save_npz(tmp_path):
    def save(height, width, channels=1):
        random = np.random.default_rng(2)
        x = random.integers(0, 256, (20, height, width, channels), dtype=np.uint8)
        path = tmp_path / "images.npz"
        np.savez(path, x_train=x, y_train=np.arange(20) % 2, x_test=x, y_test=np.arange(20) % 2)
        return str(path), x

    return save


def test_digits_need_no_network_and_fill_28_by_28(reference):
    dataset = load_dataset(reference(), download=False)
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.classes == 10
    assert (len(dataset.x_train), len(dataset.x_test)) == (1437, 360)
    assert (dataset.x_train.min(), dataset.x_train.max()) == (0, 255)
    assert np.bincount(dataset.y_test).min() >= 34


def test_digits_are_scaled_and_enlarged_as_pillow_does_it(reference):
    digits = load_digits()
    dataset = load_dataset(reference())
    small = np.rint(digits.images[0] * 255 / 16).astype(np.uint8)
    expected = np.asarray(Image.fromarray(small).resize((28, 28), Image.Resampling.BILINEAR))
    everything = np.concatenate([dataset.x_train, dataset.x_test])[..., 0]
    assert (everything == expected).all(axis=(1, 2)).any()


def test_a_reference_survives_the_way_to_another_process(reference):
    asked = reference(image_size=32, color=True)
    assert pickle.loads(pickle.dumps(asked)) == asked


def test_equal_images_have_equal_hashes_and_other_sizes_others(reference):
    hashes = {
        load_dataset(reference(**options)).sha256
        for options in ({}, {"image_size": 28}, {"image_size": 32}, {"color": True})
    }
    assert len(hashes) == 3


def test_equal_bytes_in_another_shape_have_another_hash(reference, tmp_path):
    hashes = set()
    for shape in ((20, 30, 40), (20, 40, 30)):
        x, y = np.zeros(shape, dtype=np.uint8), np.arange(20) % 2
        np.savez(tmp_path / "images.npz", x_train=x, y_train=y, x_test=x, y_test=y)
        hashes.add(load_dataset(reference(str(tmp_path / "images.npz"))).sha256)
    assert len(hashes) == 2


def test_arrays_are_read_only(reference):
    dataset = load_dataset(reference())
    for array in (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("height", "width", "image_size", "expected"),
    [
        (28, 28, None, (28, 28)),
        (40, 30, None, (40, 30)),
        (8, 8, None, (28, 28)),
        (20, 40, None, (28, 40)),
        (40, 30, 32, (32, 32)),
        (8, 8, 64, (64, 64)),
    ],
)
def test_sides_are_at_least_28_and_an_image_size_makes_them_square(
    reference, save_npz, height, width, image_size, expected
):
    path, _ = save_npz(height, width)
    dataset = load_dataset(reference(path, image_size=image_size))
    assert dataset.image_shape == (*expected, 1)
    assert dataset.x_test.shape == dataset.x_train.shape


def test_grey_becomes_colour_by_repetition(reference, save_npz):
    path, x = save_npz(30, 30)
    assert np.array_equal(load_dataset(reference(path, color=True)).x_train, np.repeat(x, 3, axis=3))
    resized = load_dataset(reference(path, color=True, image_size=40)).x_train
    assert resized.shape == (20, 40, 40, 3)
    assert (resized == resized[..., :1]).all()


def test_colour_becomes_grey_by_luma(reference, save_npz):
    path, x = save_npz(30, 30, channels=3)
    grey = load_dataset(reference(path)).x_train[..., 0]
    assert np.abs(grey - x @ [0.299, 0.587, 0.114]).max() <= 0.5 + 1e-2


def test_an_image_size_below_28_is_an_error(reference):
    with pytest.raises(DataError, match=r"--image-size is too small.*Expected at least 28.*Received: 27"):
        load_dataset(reference(image_size=27))


def test_images_too_large_for_this_machine_are_refused_before_they_are_made(reference):
    with pytest.raises(DataError, match=r"do not fit this machine.*Pass a smaller --image-size"):
        load_dataset(reference(image_size=100_000))


def test_memory_is_counted_in_halves_of_the_machine(monkeypatch):
    monkeypatch.setattr(images.os, "sysconf", lambda _: 100)
    images.require_memory(5_000)
    with pytest.raises(DataError):
        images.require_memory(5_001)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("mnist", "fashion-mnist"), ("fashion_mnist", "fashion-mnist"), ("Digit", "digits")],
)
def test_an_unknown_name_gets_the_nearest_known_one_and_the_forms(reference, name, nearest):
    with pytest.raises(DataError) as caught:
        load_dataset(reference(name))
    assert f"No data set named '{name}'" in str(caught.value)
    assert f"Did you mean '{nearest}'?" in str(caught.value)
    assert ".npz" in str(caught.value)
    assert "one folder of images per class" in str(caught.value)


@pytest.mark.parametrize("name", ["", "/nowhere/at/all"])
def test_a_name_that_resembles_nothing_gets_the_forms_alone(reference, name):
    with pytest.raises(DataError, match="--dataset takes 'fashion-mnist' or 'digits'") as caught:
        load_dataset(reference(name))
    assert "Did you mean" not in str(caught.value)


def test_a_data_error_is_the_worlds_fault():
    assert issubclass(DataError, WorldError)
