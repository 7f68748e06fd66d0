"""Images in figures: the worst confusions of a model, samples of a data set."""

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.figures.style import HEADER, INK, MUTED, VERMILLION, empty_panel, new_figure, say
from sweep.figures.text import BODY_SIZE, SMALL_SIZE, class_names, width_of, write

MOST_CONFUSIONS: Final = 16
MOST_SAMPLES: Final = 10  # of one class

_COLUMNS = 4
_TILE = 1.3  # inches, the side of an image
_STEP_X, _STEP_Y = 1.62, 1.78  # inches from one image to the next
_WIDTH = 6.6  # inches

Images = npt.NDArray[np.uint8]


def worst_confusions(
    images: Images,
    true: Sequence[int],
    predicted: Sequence[int],
    confidence: Sequence[float],
    labels: Sequence[str],
    *,
    title: str,
) -> Figure:
    """Images that were classified wrongly, with what they are, what was predicted, and how surely.

    Args:
        images: uint8, shape (k, h, w, c) with c 1 or 3, the worst first; 16 are shown. k may be 0.
        true: Class indices, k of them.
        predicted: Class indices, k of them.
        confidence: Probability of the predicted class, 0…1, k of them.
        labels: Names of the classes.
        title: What the figure is called.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    count = len(images)
    if not count == len(true) == len(predicted) == len(confidence):
        raise ValueError(
            "Expected a true class, a predicted class and a confidence for each image. "
            f"Received: {count} images, {len(true)}, {len(predicted)} and {len(confidence)}."
        )
    shown = min(count, MOST_CONFUSIONS)
    if not shown:
        figure = new_figure(_WIDTH, 1.5, title=title)
        say(figure, "There are none: every image is classified correctly.")
        return figure
    _check(images)
    rows = ceil(shown / _COLUMNS)
    height = HEADER + rows * _STEP_Y + 0.02
    subtitle = "true class → predicted class, and the model's confidence in its prediction"
    figure = new_figure(_WIDTH, height, title=title, subtitle=subtitle)
    axes = empty_panel(figure, 0, 0, _WIDTH, height)
    names = class_names(labels, size=SMALL_SIZE, width=_STEP_X - 0.12)
    # The confidence stands in the second line, so that line has less room for the name.
    narrow = class_names(labels, size=SMALL_SIZE, width=_STEP_X - 0.12 - width_of("→  100 %", size=SMALL_SIZE))
    for index in range(shown):
        row, column = divmod(index, _COLUMNS)
        left = 0.21 + column * _STEP_X
        top = height - HEADER - row * _STEP_Y
        _tile(axes, images[index], left=left, top=top)
        middle = left + _TILE / 2
        write(axes, middle, top - _TILE - 0.05, names[true[index]], size=SMALL_SIZE, color=INK, ha="center", va="top")
        sure = f"  {100 * confidence[index]:.0f} %" if isfinite(confidence[index]) else ""
        write(
            axes, middle, top - _TILE - 0.2, f"→ {narrow[predicted[index]]}{sure}",
            size=SMALL_SIZE, color=VERMILLION, ha="center", va="top",
        )  # fmt: skip
    axes.set(xlim=(0, _WIDTH), ylim=(0, height), aspect="auto")
    return figure


def sample_images(images: Sequence[Images], labels: Sequence[str], *, title: str) -> Figure:
    """A row of images for each class.

    Args:
        images: For each class uint8 of shape (m, h, w, c) with c 1 or 3; 10 are shown. m may be 0.
        labels: Names of the classes.
        title: What the figure is called.

    Raises:
        ValueError: If there are not as many groups of images as labels, or a shape is wrong.
    """
    if len(images) != len(labels):
        raise ValueError(f"Expected a group of images for each class. Received: {len(images)} for {len(labels)}.")
    names = class_names(labels, size=BODY_SIZE, width=1.6)
    left = 0.15 + max((width_of(name, size=BODY_SIZE) for name in names), default=0) + 0.12
    side, step = 0.5, 0.54  # inches
    width = max(3.6, left + MOST_SAMPLES * step + 0.12)
    height = HEADER - 0.15 + max(1, len(images)) * step + 0.1
    figure = new_figure(width, height, title=title)
    axes = empty_panel(figure, 0, 0, width, height)
    for row, (group, name) in enumerate(zip(images, names, strict=True)):
        top = height - HEADER + 0.15 - row * step
        write(axes, left - 0.12, top - side / 2, name, color=INK, ha="right", va="center_baseline")
        if not len(group):
            write(axes, left, top - side / 2, "no image", size=SMALL_SIZE, color=MUTED, va="center_baseline")
            continue
        _check(group)
        for place, image in enumerate(group[:MOST_SAMPLES]):
            _tile(axes, image, left=left + place * step, top=top, side=side)
    axes.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    return figure


def _check(images: npt.NDArray[Any]) -> None:
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise ValueError(
            "Expected images as uint8 of shape (k, height, width, channels), channels 1 or 3. "
            f"Received: {images.dtype} of shape {images.shape}."
        )


def _tile(axes: Axes, image: npt.NDArray[np.uint8], *, left: float, top: float, side: float = _TILE) -> None:
    """Draw an image in the middle of a square, in its own proportions, grey as grey."""
    height, width = image.shape[:2]
    across, up = side * width / max(height, width), side * height / max(height, width)
    x, y = left + (side - across) / 2, top - (side - up) / 2
    colours = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
    axes.imshow(colours, extent=(x, x + across, y - up, y), interpolation="nearest", aspect="auto")
