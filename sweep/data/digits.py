"""Hand-written digits that ship inside scikit-learn: always there, without any network."""

from typing import Final

import numpy as np

from sweep.data.source import SourceData
from sweep.data.strata import divide

_BRIGHTEST: Final = 16  # the pixels are 0 to 16
_TEST_SHARE: Final = 0.2
_TEST_SEED: Final = 0  # fixed: the test images do not change with a study's seed


def read_digits() -> SourceData:
    """Read the 1,797 digits, 8 x 8 pixels, scaled to 0…255; 20 % of each class are test images."""
    from sklearn.datasets import load_digits  # most of a second: not for who has other images

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / _BRIGHTEST)).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    train, test = divide(labels, _TEST_SHARE, seed=_TEST_SEED, purpose="test")
    return SourceData(
        labels=tuple(str(name) for name in digits.target_names),
        x_train=pixels[train],
        y_train=labels[train],
        x_test=pixels[test],
        y_test=labels[test],
        found="scikit-learn's digits",
    )
