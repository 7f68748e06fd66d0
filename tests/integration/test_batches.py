"""The batches that a network is trained on: their order, and other views of their images."""

from types import SimpleNamespace

import numpy as np
import pytest

from sweep.trainer.augmentation import flip_and_shift
from sweep.trainer.batches import Batches, ShuffledBatches, feed
from sweep.trainer.step import LEAST_STEPS, MOST_STEPS, steps_per_call

IMAGES = np.arange(50, dtype=np.uint8)[:, None, None, None] * np.ones((1, 6, 6, 1), np.uint8)
LABELS = np.arange(50)


def batches(**changed):
    return ShuffledBatches(IMAGES, LABELS, **({"batch_size": 16, "seed": 43} | changed))


def labels_of(source):
    return np.concatenate([source[index][1] for index in range(len(source))])


def test_an_epoch_has_every_image_once_with_its_label():
    source = batches()
    assert [len(source[index][1]) for index in range(len(source))] == [16, 16, 16, 2]
    assert sorted(labels_of(source)) == list(LABELS)
    images, labels = source[0]
    assert images.dtype == np.uint8
    assert (images[:, 0, 0, 0] == labels).all()


def test_held_out_images_keep_their_order():
    source = Batches(IMAGES, LABELS, batch_size=16)
    assert [len(source[index][0]) for index in range(len(source))] == [16, 16, 16, 2]
    assert list(labels_of(source)) == list(LABELS)


@pytest.mark.parametrize("arrays", [(IMAGES,), (IMAGES, LABELS)], ids=["images", "with labels"])
def test_keras_is_fed_the_same_batches_again_in_each_epoch(arrays):
    source = Batches(*arrays, batch_size=16)
    fed = feed(source)
    assert len(fed) == 4
    for _ in range(2):
        for batch, expected in zip(fed.as_numpy_iterator(), map(source.__getitem__, range(4)), strict=True):
            for ours, theirs in zip(batch, expected, strict=True):
                np.testing.assert_array_equal(ours, theirs)


def test_no_thread_tunes_what_keras_is_fed():
    assert feed(batches()).options().autotune.enabled is False


def test_the_order_derives_from_seed_and_epoch():
    source, same, other = batches(), batches(), batches(seed=44)
    first = labels_of(source)
    source.start_epoch(1)
    second = labels_of(source)
    assert (first != second).any()
    assert (first != labels_of(other)).any()
    same.start_epoch(1)
    assert (labels_of(same) == second).all()


def test_other_views_of_a_batch_do_not_depend_on_what_was_asked_for_before():
    first, second = batches(augmentation=flip_and_shift), batches(augmentation=flip_and_shift)
    assert (first[2][0] == [second[index] for index in range(4)][2][0]).all()
    second.start_epoch(1)
    assert (second[2][1] != first[2][1]).any()


def test_an_image_is_mirrored_and_shifted_and_never_changed_otherwise():
    image = np.arange(1, 37, dtype=np.uint8).reshape(1, 6, 6, 1)
    views = {
        (flip, down, right): shifted(image[0, :, ::-1] if flip else image[0], down, right).tobytes()
        for flip in (False, True)
        for down in range(-2, 3)
        for right in range(-2, 3)
    }
    made = flip_and_shift(np.repeat(image, 2000, axis=0), np.random.default_rng(0))
    seen = {each.tobytes() for each in made}
    assert made.shape == (2000, 6, 6, 1)
    assert made.dtype == np.uint8
    assert seen == set(views.values())


def shifted(image, down, right):
    result = np.zeros_like(image)
    height, width, _ = image.shape
    result[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = image[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return result


def test_every_view_is_as_likely():
    image = np.arange(1, 37, dtype=np.uint8).reshape(1, 6, 6, 1)
    made = flip_and_shift(np.repeat(image, 10_000, axis=0), np.random.default_rng(1))
    _, counts = np.unique(made.reshape(10_000, -1), axis=0, return_counts=True)
    assert len(counts) == 50
    assert counts.min() > 120  # of 200 expected; 5.7 standard deviations


@pytest.mark.parametrize("shape", [(0, 6, 6, 1), (3, 5, 7, 3), (1, 28, 28, 1)])
def test_images_of_any_shape_are_augmented(shape):
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    before = images.copy()
    made = flip_and_shift(images, np.random.default_rng(0))
    assert made.shape == shape
    assert (images == before).all()


@pytest.mark.parametrize(
    ("macs", "images", "steps"),
    [
        (300_000, 64 * LEAST_STEPS, MOST_STEPS),  # small steps go together
        (5_000_000, 60_000, 2),
        (583_000_000, 60_000, 1),  # large ones take long enough by themselves
        (300_000, 64 * LEAST_STEPS - 1, 1),  # a short epoch does not win back what a loop costs
        (0, 60_000, MOST_STEPS),
    ],
)
def test_so_many_steps_go_together_as_pay(macs, images, steps):
    assert steps_per_call(SimpleNamespace(head_macs=macs), batch_size=64, images=images) == steps
