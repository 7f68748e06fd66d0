"""Split a data set into the images a study trains, validates and tests on."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from sweep.data.dataset import Dataset
from sweep.data.source import DataError, Images, Labels
from sweep.data.strata import divide, part_size, sample

TEST_SEED: Final = 43  # of the limit's test images: networks of several seeds are compared on the same ones
VALIDATION_SHARE: Final = 0.1  # of the training images; the report leaves it open, this is usual


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The images of one study.

    Attributes:
        x_train: uint8, shape (n, height, width, channels).
        y_train: Class indices, int64, shape (n,).
        x_validation: Images taken from the training images, shaped like them.
        y_validation: Their class indices.
        x_test: Images never trained on or chosen by, shaped like `x_train`.
        y_test: Their class indices.
    """

    x_train: Images
    y_train: Labels
    x_validation: Images
    y_validation: Labels
    x_test: Images
    y_test: Labels

    def with_all_for_training(self) -> "Split":
        """The validation images trained on too, and none left to validate on."""
        return replace(
            self,
            x_train=np.concatenate([self.x_train, self.x_validation]),
            y_train=np.concatenate([self.y_train, self.y_validation]),
            x_validation=self.x_validation[:0],
            y_validation=self.y_validation[:0],
        )


def split_dataset(dataset: Dataset, *, seed: int, limit: int | None) -> Split:
    """Take 10 % of the training images for validation, keep at most `limit` of each group; all stratified.

    The same data set, seed and limit give the same split on every machine. The test images do not depend on the seed.

    Args:
        dataset: What `load_dataset` returned.
        seed: Seed of the validation draw, and of the limit's for training and validation; 0 to 2**32 - 1.
        limit: Most training, most validation and most test images, each; None: all.

    Raises:
        DataError: If the limit is below the number of classes, or if there are too few images to validate on.
    """
    _refuse_too_small(limit, dataset)
    train, validation = divide(dataset.y_train, VALIDATION_SHARE, seed=seed, purpose="validation")
    if limit is not None:
        train = train[sample(dataset.y_train[train], limit, seed=seed)]
        validation = validation[sample(dataset.y_train[validation], limit, seed=seed)]
    x_test, y_test = dataset.x_test, dataset.y_test
    if limit is not None and limit < len(y_test):
        test = sample(y_test, limit, seed=TEST_SEED)
        x_test, y_test = x_test[test], y_test[test]
    return Split(
        x_train=dataset.x_train[train],
        y_train=dataset.y_train[train],
        x_validation=dataset.x_train[validation],
        y_validation=dataset.y_train[validation],
        x_test=x_test,
        y_test=y_test,
    )


def split_sizes(dataset: Dataset, *, limit: int | None) -> tuple[int, int, int]:
    """Training, validation and test images that `split_dataset` gives, without drawing them.

    Raises:
        DataError: As `split_dataset`.
    """
    _refuse_too_small(limit, dataset)
    validation = part_size(dataset.y_train, VALIDATION_SHARE, purpose="validation")
    train, test = len(dataset.y_train) - validation, len(dataset.y_test)
    if limit is not None:
        return min(train, limit), min(validation, limit), min(test, limit)
    return train, validation, test


def _refuse_too_small(limit: int | None, dataset: Dataset) -> None:
    if limit is not None and limit < dataset.classes:
        raise DataError(
            "--limit is too small: every class needs an image. "
            f"Expected at least {dataset.classes}, the number of classes of {dataset.name}. "
            f"Received: {limit}. The smallest limit is {dataset.classes}."
        )
