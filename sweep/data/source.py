"""What every source of images hands over: four arrays and the names of the classes, or a DataError."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sweep.errors import WorldError

Images: TypeAlias = npt.NDArray[np.uint8]
Labels: TypeAlias = npt.NDArray[np.int64]


class DataError(WorldError):
    """The images cannot be had or cannot be used; the message says what to do about it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceData:
    """Images as a source holds them, before they get the size and colour the study asks for.

    Attributes:
        labels: Names of the classes; the class index is the position.
        x_train: uint8, shape (n, height, width, channels); 1 or 3 channels.
        y_train: Class indices, int64, shape (n,).
        x_test: As `x_train`, same height, width and channels.
        y_test: As `y_train`.
        found: Where the images were found, for people.
    """

    labels: tuple[str, ...]
    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    found: str
