"""Other views of a training image that show the same thing, made for a whole batch at once."""

import numpy as np
import numpy.typing as npt

PIXELS = 2  # on 28 x 28; larger shifts cut off what small networks recognise garments by


def flip_and_shift(
    images: npt.NDArray[np.uint8], random: np.random.Generator, *, pixels: int = PIXELS
) -> npt.NDArray[np.uint8]:
    """Mirror every other image at random, and shift each by up to so many pixels; black comes in from outside.

    Args:
        images: (n, h, w, c), n of them or none.
        random: Decides.
        pixels: The largest shift, up, down, left and right alike. Default: 2.

    Returns:
        As many new images of the same shape.
    """
    count, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)))
    # (n, top, left, c, h, w): every place that an image can be cut from, without a copy.
    places = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    top, left = random.integers(0, 2 * pixels + 1, size=(2, count))
    mirrored = random.integers(0, 2, size=count, dtype=bool)
    shifted: npt.NDArray[np.uint8] = np.moveaxis(places[np.arange(count), top, left], 1, -1)
    shifted[mirrored] = shifted[mirrored, :, ::-1]
    return shifted
