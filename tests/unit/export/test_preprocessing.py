"""What is said of the training images' background and shape."""

import numpy as np
import pytest

from sweep.export.preprocessing import background_of, preprocessing_document


def images(border: int, count: int = 100) -> np.ndarray:
    made = np.full((count, 28, 28, 1), 128, np.uint8)
    made[:, [0, -1]] = made[:, :, [0, -1]] = border
    return made


@pytest.mark.parametrize(
    ("border", "background"), [(0, "dark"), (63, "dark"), (64, None), (128, None), (191, None), (192, "light")]
)
def test_the_border_decides(border, background):
    assert background_of(images(border)) == background


@pytest.mark.parametrize(("others", "background"), [(5, "dark"), (6, None)])
def test_one_image_in_twenty_may_be_otherwise(others, background):
    seen = images(0)
    seen[:others] = 255
    assert background_of(seen) == background


def test_of_many_images_the_last_count_too():
    seen = np.concatenate([images(0, 2000), images(255, 2000)])
    assert background_of(seen) is None


def test_image_folders_are_stretched_and_others_padded(tmp_path):
    assert preprocessing_document(images(0), "digits") == {
        "image_shape": [28, 28, 1],
        "background": "dark",
        "fit": "pad",
    }
    assert preprocessing_document(images(0), str(tmp_path))["fit"] == "stretch"
    assert preprocessing_document(images(0), str(tmp_path / "mine.npz"))["fit"] == "pad"
