"""Other views of training images, by the names that the search knows them by."""

import numpy as np
import pytest

from search_spaces.configuration import parameters_of
from search_spaces.tuned import TunedMirrored, TunedUpright
from sweep.trainer.augmentation import AUGMENTATIONS, erase, flip_and_shift


def _images(count, height=28, width=28, channels=1):
    return np.random.default_rng(7).integers(1, 256, (count, height, width, channels), dtype=np.uint8)


def test_every_name_that_the_search_knows_is_there():
    kinds = [parameters_of(each)["augmentation"] for each in (TunedMirrored, TunedUpright)]
    assert {value for kind in kinds for value in kind.values} == {"none", *AUGMENTATIONS}


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("shape", [(0, 28, 28, 1), (5, 28, 28, 1), (4, 32, 56, 3), (3, 60, 28, 4)])
def test_images_of_any_shape_come_back_as_uint8_and_the_given_ones_are_not_touched(name, shape):
    images = _images(*shape)
    before = images.copy()
    made = AUGMENTATIONS[name](images, np.random.default_rng(0))
    assert (made.shape, made.dtype) == (shape, np.uint8)
    assert not np.shares_memory(made, images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_random_state_makes_the_same_views(name):
    images = _images(20)
    first, again, other = (AUGMENTATIONS[name](images, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_only_a_name_that_says_so_mirrors():
    halves = np.zeros((400, 28, 28, 1), np.uint8)
    halves[:, :, :10] = 200  # left third
    for name in ("shift", "flip-shift"):
        made = AUGMENTATIONS[name](halves, np.random.default_rng(0))
        on_the_right = made[:, :, 18:].sum(axis=(1, 2, 3)) > made[:, :, :10].sum(axis=(1, 2, 3))
        assert 150 < on_the_right.sum() < 250 if name == "flip-shift" else not on_the_right.any()


def test_larger_images_move_by_as_much_of_their_side():
    dot = np.zeros((500, 140, 280, 1), np.uint8)
    dot[:, 70, 140] = 255
    _, rows, columns, _ = np.nonzero(flip_and_shift(dot, np.random.default_rng(0), mirror=False))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (60, 80, 130, 150)


def test_half_the_images_lose_one_rectangle_and_the_others_nothing():
    images = np.zeros((2000, 28, 40, 3), np.uint8)
    made = erase(images, np.random.default_rng(0))
    changed = (made != images).any(axis=3)
    touched = changed.any(axis=(1, 2))
    assert 900 < touched.sum() < 1100
    for mask in changed[touched]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert 0.01 < mask.mean() < 0.42
    assert len(np.unique(made[touched][changed[touched]])) > 200  # noise, no one colour
