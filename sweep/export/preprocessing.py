"""What the training images look like, for whoever brings others to the model: their background, and how they fit."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sweep.data.dataset import NAMES

_IMAGES: Final = 2000  # looked at
_SHARE: Final = 0.95  # of them that must agree
_DARK, _LIGHT = 64, 191  # means of the outermost pixels: a quarter, three quarters of the range


def preprocessing_document(images: npt.NDArray[np.uint8], dataset: str) -> dict[str, Any]:
    """How `predict` prepares an image of any kind, as config.json holds it.

    Args:
        images: The training images, shape (n, height, width, channels).
        dataset: The data set's name or path. Image folders are read by stretching every image to one size.
    """
    is_folder = dataset not in NAMES and Path(dataset).expanduser().is_dir()
    return {
        "image_shape": list(images.shape[1:]),
        "background": background_of(images),
        "fit": "stretch" if is_folder else "pad",
    }


def background_of(images: npt.NDArray[np.uint8]) -> str | None:
    """`dark` or `light` where nearly all images have such a border, else None.

    Args:
        images: Shape (n, height, width, channels); up to 2,000 of them, evenly spread, are looked at.
    """
    places = np.unique(np.linspace(0, len(images) - 1, num=min(len(images), _IMAGES), dtype=np.int64))
    seen = images[places].mean(axis=3)
    border = np.concatenate([seen[:, 0], seen[:, -1], seen[:, 1:-1, 0], seen[:, 1:-1, -1]], axis=1).mean(axis=1)
    if (border < _DARK).mean() >= _SHARE:
        return "dark"
    return "light" if (border > _LIGHT).mean() >= _SHARE else None
