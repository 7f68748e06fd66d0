"""What each test image shows and was taken for, as a short text: networks are compared image by image."""

import base64
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

TEST_CLASSES = "test_classes"  # attribute of a trial that confirms another one


def pack(classes: npt.NDArray[np.integer[Any]]) -> str:
    """True and predicted classes, shape (2, n), below 65,536, as text: about a byte an image."""
    return base64.b64encode(zlib.compress(classes.astype("<u2").tobytes(), 9)).decode("ascii")


def unpack(text: str) -> npt.NDArray[np.uint16]:
    """The inverse of `pack`."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype="<u2").reshape(2, -1)
