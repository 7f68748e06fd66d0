import numpy as np
import pytest

from sweep.data.dataset import DataReference, load_dataset
from sweep.data.source import DataError


@pytest.fixture
def arrays():
    random = np.random.default_rng(1)
    return {
        "x_train": random.integers(0, 256, (30, 28, 28), dtype=np.uint8),
        "y_train": np.arange(30) % 3,
        "x_test": random.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "y_test": np.arange(6) % 3,
    }


@pytest.fixture
def load(tmp_path):
    def save_and_load(arrays, **options):
        path = tmp_path / "images.npz"
        np.savez_compressed(path, **arrays)
        return load_dataset(DataReference(name=str(path), cache_dir=tmp_path, **options))

    return save_and_load


def test_grey_images_get_a_channel_and_classes_their_index_as_name(load, arrays):
    dataset = load(arrays)
    assert dataset.image_shape == (28, 28, 1)
    assert dataset.labels == ("0", "1", "2")
    assert np.array_equal(dataset.x_train[..., 0], arrays["x_train"])
    assert dataset.y_train.dtype == np.int64


@pytest.mark.parametrize(("color", "channels"), [(False, 1), (True, 3)])
def test_colour_images_are_grey_unless_colour_is_asked_for(load, arrays, color, channels):
    colored = arrays | {name: np.stack([arrays[name]] * 3, axis=-1) for name in ("x_train", "x_test")}
    assert load(colored, color=color).image_shape == (28, 28, channels)


@pytest.mark.parametrize("dtype", ["int64", "uint16", "int8"])
def test_other_integers_within_a_byte_are_taken(load, arrays, dtype):
    small = arrays | {name: (arrays[name] // 2) for name in ("x_train", "x_test")}
    other = small | {name: small[name].astype(dtype) for name in ("x_train", "x_test")}
    assert load(small).sha256 == load(other).sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_train": lambda a: a / 255.0}, r"x_train does not hold bytes.*Received: float64.*np\.rint"),
        ({"x_test": lambda a: a > 9}, r"x_test does not hold bytes.*Received: bool"),
        ({"x_test": lambda a: a.astype(complex)}, r"x_test does not hold numbers.*complex128"),
        ({"x_test": lambda a: a.astype(int) + 1}, r"x_test has values that are no bytes.*Received: \d+…256"),
        ({"x_test": lambda a: a.astype(int) - 1}, r"x_test has values that are no bytes.*Received: -1…"),
        ({"x_train": lambda a: a.reshape(30, 784)}, r"x_train has the wrong dimensions.*\(30, 784\)"),
        ({"x_train": lambda a: np.stack([a, a], -1)}, r"x_train has the wrong dimensions.*\(30, 28, 28, 2\)"),
        ({"x_test": lambda a: a[:, :14]}, r"images of different shapes.*\(28, 28, 1\) and \(14, 28, 1\)"),
        ({"x_test": lambda a: a[:0], "y_test": lambda a: a[:0]}, "x_test is empty"),
        ({"x_train": lambda a: a[:, :0]}, "x_train is empty"),
        ({"y_train": lambda a: a[:-1]}, r"y_train has another length.*Expected 30.*Received: 29"),
        ({"y_test": lambda a: np.eye(3)[a]}, r"y_test is not a list of class indices.*argmax"),
        ({"y_test": lambda a: a[:, None]}, r"y_test is not a list of class indices.*\(6, 1\).*ravel"),
        ({"y_test": lambda a: a.astype(float)}, r"y_test is not a list of class indices.*float64"),
        ({"y_train": lambda a: a.astype(str)}, r"y_train is not a list of class indices"),
        ({"y_train": lambda a: a + 1}, r"not numbered without gaps.*Expected 0 to 2.*Received: 1, 2, 3"),
        ({"y_train": lambda a: a * 2}, r"not numbered without gaps.*Received: 0, 2, 4"),
        ({"y_train": lambda a: np.arange(30) * 2}, r"not numbered without gaps.*Received: 0, 2.*…"),
        ({"y_train": lambda a: a * 0}, "single class"),
        ({"y_test": lambda a: a + 1}, r"y_test has labels that y_train lacks.*Received: 3"),
        ({"y_test": lambda a: a - 1}, r"y_test has labels that y_train lacks.*Received: -1"),
        ({"x_train": lambda a: a.astype(object)}, r"cannot be read: .*allow_pickle=False.*nothing pickled"),
    ],
)
def test_what_is_wrong_with_an_array_is_told(load, arrays, change, message):
    changed = arrays | {name: alter(arrays[name]) for name, alter in change.items()}
    with pytest.raises(DataError, match=message):
        load(changed)


def test_missing_arrays_are_named(load, arrays):
    del arrays["x_test"], arrays["y_test"]
    with pytest.raises(DataError, match=r"lacks x_test, y_test.*Received: x_train, y_train"):
        load(arrays)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"No file .*none\.npz"):
        load_dataset(DataReference(name=str(tmp_path / "none.npz"), cache_dir=tmp_path))


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"\x93NUMPY\x01\x00"])
def test_a_file_that_is_no_archive_is_told(tmp_path, content):
    path = tmp_path / "images.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"images\.npz is not an \.npz file"):
        load_dataset(DataReference(name=str(path), cache_dir=tmp_path))


def test_a_truncated_archive_is_told(tmp_path, load, arrays):
    load(arrays)
    path = tmp_path / "images.npz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataError, match=r"not an \.npz file, or its end is missing"):
        load_dataset(DataReference(name=str(path), cache_dir=tmp_path))


def test_an_archive_damaged_in_the_middle_is_told(tmp_path, load, arrays):
    load(arrays)
    path = tmp_path / "images.npz"
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="cannot be read"):
        load_dataset(DataReference(name=str(path), cache_dir=tmp_path))
