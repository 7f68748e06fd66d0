"""Other views of a training image that show the same thing, made for a whole batch at once."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

PIXELS = 2  # of 28, and as much of larger images; larger shifts cut off what small networks recognise garments by

# Random erasing (arXiv 1708.04896) with that paper's numbers.
ERASED = 0.5  # of the images
SMALLEST, LARGEST = 0.02, 0.4  # of an image's area
FLATTEST, STEEPEST = 0.3, 1 / 0.3  # height by width


def flip_and_shift(
    images: npt.NDArray[np.uint8], random: np.random.Generator, *, pixels: int | None = None, mirror: bool = True
) -> npt.NDArray[np.uint8]:
    """Mirror every other image at random, and shift each by up to so many pixels; black comes in from outside.

    Args:
        images: (n, h, w, c), n of them or none.
        random: Decides.
        pixels: The largest shift, up, down, left and right alike. Default: 2, or a 14th of the shorter side.
        mirror: Whether any are mirrored. Default: True.

    Returns:
        As many new images of the same shape.
    """
    count, height, width, _ = images.shape
    pixels = max(PIXELS, round(PIXELS / 28 * min(height, width))) if pixels is None else pixels
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    # (n, top, left, c, h, w): every place that an image can be cut from, without a copy.
    places = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    top, left = random.integers(0, 2 * pixels + 1, size=(2, count))
    mirrored = random.integers(0, 2, size=count, dtype=bool)
    shifted: npt.NDArray[np.uint8] = np.moveaxis(places[np.arange(count), top, left], 1, -1)
    if mirror:
        shifted[mirrored] = shifted[mirrored, :, ::-1]
    return shifted


def erase(images: npt.NDArray[np.uint8], random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Fill a rectangle of every other image at random with noise.

    Args:
        images: (n, h, w, c), n of them or none.
        random: Decides.

    Returns:
        As many new images of the same shape.
    """
    count, height, width, channels = images.shape
    area = random.uniform(SMALLEST, LARGEST, size=count) * height * width
    steepness = np.exp(random.uniform(np.log(FLATTEST), np.log(STEEPEST), size=count))
    rows = _stretch(np.sqrt(area * steepness), height, random)
    columns = _stretch(np.sqrt(area / steepness), width, random)
    rows[random.random(count) >= ERASED] = False
    inside = rows[:, :, None] & columns[:, None, :]
    made = images.copy()
    made[inside] = random.integers(0, 256, size=(int(inside.sum()), channels), dtype=np.uint8)
    return made


def _stretch(lengths: npt.NDArray[np.float64], side: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """(n, side): which pixels lie in a stretch of each length, laid down anywhere within the side."""
    lengths = np.clip(np.rint(lengths), 1, side)
    first = np.floor(random.random(len(lengths)) * (side - lengths + 1))
    places = np.arange(side)
    stretch: npt.NDArray[np.bool_] = (places >= first[:, None]) & (places < (first + lengths)[:, None])
    return stretch


def _shift_and_erase(
    images: npt.NDArray[np.uint8], random: np.random.Generator, *, mirror: bool
) -> npt.NDArray[np.uint8]:
    return erase(flip_and_shift(images, random, mirror=mirror), random)


AUGMENTATIONS: Final[Mapping[str, Callable[[npt.NDArray[np.uint8], np.random.Generator], npt.NDArray[np.uint8]]]] = (
    MappingProxyType(
        {
            "shift": partial(flip_and_shift, mirror=False),
            "shift-erase": partial(_shift_and_erase, mirror=False),
            "flip-shift": flip_and_shift,
            "flip-shift-erase": partial(_shift_and_erase, mirror=True),
        }
    )
)
