import numpy as np
import pytest

from sweep.data.dataset import Dataset
from sweep.data.source import DataError
from sweep.data.split import split_dataset, split_sizes
from sweep.data.strata import sample


@pytest.fixture
def make_dataset():
    """A data set whose images say which they are: pixel 0 and 1 hold the index."""

    def make(train_counts, test_counts):
        def draw(counts):
            labels = np.repeat(np.arange(len(counts)), counts)
            images = np.zeros((len(labels), 28, 28, 1), dtype=np.uint8)
            images[:, 0, 0, 0], images[:, 0, 1, 0] = divmod(np.arange(len(labels)), 256)
            return images, labels

        x_train, y_train = draw(train_counts)
        x_test, y_test = draw(test_counts)
        return Dataset(
            name="test images",
            labels=tuple(map(str, range(len(train_counts)))),
            x_train=x_train,
            y_train=y_train,
            x_test=x_test,
            y_test=y_test,
            sha256="",
            source="",
        )

    return make


def which(images):
    return (images[:, 0, 0, 0].astype(int) * 256 + images[:, 0, 1, 0]).tolist()


def test_a_tenth_of_the_training_images_of_every_class_is_for_validation(make_dataset):
    dataset = make_dataset([100, 200, 50], [10, 20, 5])
    split = split_dataset(dataset, seed=43, limit=None)
    assert np.bincount(split.y_validation).tolist() == [10, 20, 5]
    assert sorted(which(split.x_train) + which(split.x_validation)) == list(range(350))
    assert np.array_equal(split.y_train, dataset.y_train[which(split.x_train)])
    assert np.array_equal(split.y_validation, dataset.y_train[which(split.x_validation)])
    assert split.x_test is dataset.x_test


@pytest.mark.parametrize("limit", [None, 4, 33, 50, 1000])
@pytest.mark.parametrize("counts", [([100] * 4, [30] * 4), ([101, 7, 33, 12], [5, 90, 1, 1])])
def test_the_parts_have_the_sizes_that_are_told_without_drawing_them(make_dataset, counts, limit):
    dataset = make_dataset(*counts)
    split = split_dataset(dataset, seed=43, limit=limit)
    assert split_sizes(dataset, limit=limit) == tuple(map(len, (split.y_train, split.y_validation, split.y_test)))


def test_too_small_a_limit_and_too_few_images_are_refused_without_drawing_either(make_dataset):
    with pytest.raises(DataError, match="--limit is too small"):
        split_sizes(make_dataset([100] * 4, [30] * 4), limit=3)
    with pytest.raises(DataError, match="Too few images"):
        split_sizes(make_dataset([5] * 4, [30] * 4), limit=None)


@pytest.mark.parametrize("limit", [None, 50])
def test_the_split_depends_on_the_seed_alone(make_dataset, limit):
    dataset = make_dataset([100] * 4, [30] * 4)
    splits = [split_dataset(dataset, seed=seed, limit=limit) for seed in (43, 43, 44)]
    assert which(splits[0].x_train) == which(splits[1].x_train)
    assert which(splits[0].x_validation) == which(splits[1].x_validation)
    assert which(splits[0].x_test) == which(splits[1].x_test)
    assert which(splits[0].x_validation) != which(splits[2].x_validation)


@pytest.mark.parametrize("limit", [None, 50])
def test_every_seed_has_the_same_test_images(make_dataset, limit):
    dataset = make_dataset([100] * 4, [30] * 4)
    splits = [split_dataset(dataset, seed=seed, limit=limit) for seed in (43, 44, 7)]
    assert len({tuple(which(split.x_test)) for split in splits}) == 1
    assert len({tuple(split.y_test) for split in splits}) == 1


@pytest.mark.parametrize("limit", [None, 50])
def test_with_all_for_training_nothing_is_left_to_validate_on(make_dataset, limit):
    split = split_dataset(make_dataset([100] * 4, [30] * 4), seed=43, limit=limit)
    full = split.with_all_for_training()
    assert which(full.x_train) == which(split.x_train) + which(split.x_validation)
    assert full.y_train.tolist() == split.y_train.tolist() + split.y_validation.tolist()
    assert (len(full.x_validation), len(full.y_validation)) == (0, 0)
    assert (full.x_test is split.x_test, full.y_test is split.y_test) == (True, True)


def test_a_limit_holds_for_each_group_and_keeps_the_classes_shares(make_dataset):
    split = split_dataset(make_dataset([400, 200, 200], [80, 40, 40]), seed=43, limit=40)
    for labels in (split.y_train, split.y_validation, split.y_test):
        assert np.bincount(labels).tolist() == [20, 10, 10]


def test_a_limit_above_the_images_takes_them_all(make_dataset):
    split = split_dataset(make_dataset([100] * 3, [10] * 3), seed=43, limit=100)
    assert [len(split.y_train), len(split.y_validation), len(split.y_test)] == [100, 30, 30]


def test_the_smallest_limit_is_one_image_of_each_class(make_dataset):
    dataset = make_dataset([500, 20, 20], [50, 2, 2])
    split = split_dataset(dataset, seed=43, limit=3)
    assert split.y_train.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"Expected at least 3.*Received: 2\. The smallest limit is 3"):
        split_dataset(dataset, seed=43, limit=2)


def test_too_few_images_to_validate_on_tell_how_many_are_needed(make_dataset):
    with pytest.raises(DataError, match=r"aside for validation\. Expected at least 21 .*Received: 20"):
        split_dataset(make_dataset([10, 5, 5], [1, 1, 1]), seed=43, limit=None)
    split_dataset(make_dataset([10, 6, 5], [1, 1, 1]), seed=43, limit=None)


def test_a_class_with_one_training_image_is_told(make_dataset):
    with pytest.raises(DataError, match=r"Expected at least 2 images of each class.*one image of class 1"):
        split_dataset(make_dataset([50, 1], [1, 1]), seed=43, limit=None)


@pytest.mark.parametrize("limit", range(3, 61))
def test_a_sample_of_any_size_has_every_class_in_its_share(limit):
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    chosen = sample(labels, limit, seed=1)
    counts = np.bincount(labels[chosen], minlength=3)
    assert len(set(chosen.tolist())) == limit
    assert counts.min() >= 1
    assert np.abs(counts - limit * np.array([3, 2, 1]) / 6).max() <= 1


def test_a_smaller_sample_is_part_of_a_larger_one():
    labels = np.repeat([0, 1, 2], [30, 20, 10])
    assert set(sample(labels, 10, seed=1)) < set(sample(labels, 30, seed=1))
