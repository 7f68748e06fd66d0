"""Confusion matrices: counts and shares of each true class."""

from collections.abc import Sequence
from math import floor
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from sweep.figures.style import GREY, HEADER, INK, MUTED, SHORT_HEADER, contrast, empty_panel, new_figure
from sweep.figures.text import BODY_SIZE, SMALL_SIZE, class_names, fitted, width_of, write

_COUNTS_UP_TO: Final = 14  # classes whose cells have room for two lines
_SHARES_UP_TO: Final = 26  # classes whose cells have room for one
_LONGEST_NAME: Final = 1.3  # inches
_MARGIN = 0.15  # inches

Matrix = npt.NDArray[np.int64]


def confusion_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str], *, title: str) -> Figure:
    """One confusion matrix, each cell coloured by its share of the true class.

    Up to 14 classes a cell holds count and percentage, up to 26 the percentage, beyond that only its colour.

    Args:
        matrix: Counts, shape (k, k); rows are the true classes, columns the predicted ones.
        labels: Names of the k classes.
        title: What the figure is called.

    Raises:
        ValueError: If the shape and the labels do not fit together.
    """
    counts = _checked(matrix, labels)
    return _draw([("", counts)], labels, title=title, subtitle=_summary(counts))


def confusion_matrices(
    matrices: Sequence[tuple[str, Sequence[Sequence[int]]]], labels: Sequence[str], *, title: str
) -> Figure:
    """Confusion matrices of the same classes side by side.

    Args:
        matrices: Each with what it is called; counts as `confusion_matrix` takes them. At least one.
        labels: Names of the classes.
        title: What the figure is called.

    Raises:
        ValueError: If a shape and the labels do not fit together, or there is no matrix.
    """
    if not matrices:
        raise ValueError("Expected at least one confusion matrix. Received none.")
    return _draw([(name, _checked(matrix, labels)) for name, matrix in matrices], labels, title=title, subtitle="")


def _checked(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Matrix:
    counts: Matrix = np.asarray(matrix, dtype=np.int64)
    if counts.shape != (len(labels), len(labels)) or not len(labels):
        raise ValueError(
            "A confusion matrix has a row and a column for each class. "
            f"Received: shape {counts.shape} and {len(labels)} labels."
        )
    return counts


def _summary(counts: Matrix) -> str:
    images = int(counts.sum())
    if not images:
        return "no images"
    return f"{100 * np.trace(counts) / images:.2f} % of {images:,} images are classified correctly"


def _draw(matrices: Sequence[tuple[str, Matrix]], labels: Sequence[str], *, title: str, subtitle: str) -> Figure:
    classes = len(labels)
    cell = max(0.13, min(0.75, 4.7 / classes))  # inches
    size = max(4.0, min(BODY_SIZE - 0.5, cell * 72 * 0.85))
    side = cell * classes
    names = class_names(labels, size=size, width=_LONGEST_NAME)
    longest = max(width_of(name, size=size) for name in names)
    # Names lie flat under the columns where they have room, and stand upright where they do not.
    upright = longest > cell - 0.06
    left = _MARGIN + 0.22 + longest + 0.08
    below = (longest if upright else 0.14) + 0.08 + 0.24
    each = side + 0.3
    has_bar = classes > _SHARES_UP_TO
    least = 4.2 if len(matrices) == 1 else 0.0  # room for the title
    width = max(least, left + each * len(matrices) + (0.55 if has_bar else 0) - 0.1)
    has_names = any(name for name, _ in matrices)
    height = (HEADER if subtitle else SHORT_HEADER) + (0.45 if has_names else 0) + side + below + 0.08
    figure = new_figure(width, height, title=title, subtitle=subtitle)
    for index, (name, counts) in enumerate(matrices):
        axes = empty_panel(figure, left + index * each, below + 0.08, side, side)
        _cells(axes, counts, cell=cell)
        for place, label in enumerate(names):
            rotation = 90 if upright else 0
            write(
                axes, place, classes - 0.5 + 0.07 / cell, label,
                size=size, color=INK, ha="center", va="top", rotation=rotation,
            )  # fmt: skip
            if index == 0:
                write(axes, -0.5 - 0.07 / cell, place, label, size=size, color=INK, ha="right", va="center_baseline")
        middle = (left + index * each + side / 2) / width
        write(figure, middle, 0.08 / height, "predicted", size=SMALL_SIZE, color=MUTED, ha="center", va="bottom")
        if name:
            heading = fitted(name, size=BODY_SIZE, width=side)
            up = (below + 0.08 + side + 0.26) / height
            write(figure, (left + index * each) / width, up, heading, color=INK, bold=False, va="bottom")
            facts = fitted(_summary(counts), size=SMALL_SIZE - 0.5, width=side)
            up = (below + 0.08 + side + 0.1) / height
            write(figure, (left + index * each) / width, up, facts, size=SMALL_SIZE - 0.5, color=MUTED, va="bottom")
    up = (below + 0.08 + side / 2) / height
    write(figure, _MARGIN / width, up, "true", size=SMALL_SIZE, color=MUTED, rotation=90, va="center")
    if has_bar:
        _bar(figure, left + each * len(matrices) - 0.15, below + 0.08, min(side, 2.5))
    return figure


def _cells(axes: Axes, counts: Matrix, *, cell: float) -> None:
    classes = len(counts)
    rows = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(rows, 1)
    # The root makes 3 % of confusion visible beside 97 % of hits.
    norm, colours = PowerNorm(0.6, vmin=0, vmax=1), colormaps["Blues"]
    axes.imshow(shares, cmap=colours, norm=norm, interpolation="nearest", aspect="auto", origin="upper")
    for edge in (*range(1, classes), 0, classes):  # the frame upon the lines between the cells
        colour = "white" if 0 < edge < classes else GREY
        for x, y in (([-0.5, classes - 0.5], [edge - 0.5] * 2), ([edge - 0.5] * 2, [-0.5, classes - 0.5])):
            axes.plot(x, y, color=colour, linewidth=0.8, clip_on=False)
    axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5))
    if classes > _SHARES_UP_TO:
        return
    inks = [[contrast(colours(norm(share))) for share in row] for row in shares]
    size = min(BODY_SIZE, cell * 72 * 0.27) if classes <= _COUNTS_UP_TO else cell * 72 * 0.42
    for row, column in np.ndindex(counts.shape):
        count, share, ink = int(counts[row, column]), float(shares[row, column]), inks[row][column]
        if not count:
            if classes <= _COUNTS_UP_TO:
                write(axes, column, row, "0", size=size * 0.85, color=GREY, ha="center", va="center_baseline")
            continue
        percent = _percent(share)
        if classes > _COUNTS_UP_TO:
            write(axes, column, row, percent, size=size, color=ink, ha="center", va="center_baseline")
            continue
        fits = min(1.0, (cell - 0.05) / width_of(f"{count:,}", size=size))
        write(axes, column, row - 0.17, f"{count:,}", size=size * fits, color=ink, ha="center", va="center_baseline")
        write(axes, column, row + 0.23, f"{percent} %", size=size * 0.78, color=ink, ha="center", va="center_baseline")


def _percent(share: float) -> str:
    """Whole percents; what is there but rounds to nothing, or nearly everything, says so."""
    if 0 < share < 0.005:
        return "<1"
    return ">99" if 0.995 <= share < 1 else f"{floor(100 * share + 0.5)}"


def _bar(figure: Figure, left: float, bottom: float, height: float) -> None:
    axes = empty_panel(figure, left, bottom, 0.16, height)
    steps = np.linspace(0, 1, 101)[:, None]
    axes.imshow(steps, cmap=colormaps["Blues"], norm=PowerNorm(0.6, vmin=0, vmax=1), aspect="auto", origin="lower")
    for percent in (0, 25, 50, 75, 100):
        write(axes, 0.8, percent, f"{percent} %", size=SMALL_SIZE - 1, color=MUTED, va="center_baseline")
