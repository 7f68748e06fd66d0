"""Names beside points, none upon another."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import cos, pi, sin

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from sweep.figures.style import DPI, INK, MUTED, Floats
from sweep.figures.text import SMALL_SIZE, font, width_of

_GAP = 2.0  # pixels that stay free between labels
_MARK = 12.0  # pixels from the middle of a point to its edge, at most
_DIRECTIONS = (0, 4, 2, 6, 1, 3, 7, 5)  # eighths of a turn: right and left first, they read best
_NEAR = (15.0, 24.0, 36.0)  # pixels between a point and its label
_FAR = tuple(float(distance) for distance in range(4, 400, 12))
_LEADER = 26.0  # pixels from which on a line leads to the point

_Box = tuple[float, float, float, float]


def place_labels(
    axes: Axes,
    positions: Sequence[tuple[float, float]],
    texts: Sequence[str],
    *,
    avoid: Floats | None = None,
    size: float = SMALL_SIZE,
) -> list[Annotation]:
    """Write each text near its point.

    The axes must have its final limits.

    Args:
        axes: Where.
        positions: The points, in data coordinates; the first ones choose first.
        texts: A plain text for each.
        avoid: Points that no text may cover, in data coordinates, shape (n, 2); a text without a free place is
            left out. Defaults to None: texts may cover points, stand upon their own one if they can, and none
            is left out.
        size: Size of the font, in points. Defaults to 8.

    Returns:
        The texts that were written.
    """
    to_pixels = axes.transData.transform
    obstacles = np.empty((0, 2)) if avoid is None else to_pixels(avoid)
    frame = axes.get_window_extent()
    taken: list[_Box] = []
    written: list[Annotation] = []
    height = 1.25 * size / 72 * DPI
    for position, text in zip(positions, texts, strict=True):
        x, y = to_pixels(position)
        width = width_of(text, size=size) * DPI
        for dx, dy in _offsets(width, height, upon=avoid is None):
            box = (x + dx - width / 2, y + dy - height / 2, x + dx + width / 2, y + dy + height / 2)
            inside = frame.x0 <= box[0] and box[2] <= frame.x1 and frame.y0 <= box[1] and box[3] <= frame.y1
            if inside and not _hits(box, taken, obstacles):
                taken.append(box)
                far = max(abs(dx) - width / 2, abs(dy) - height / 2) > _LEADER
                written.append(_annotate(axes, position, text, (dx, dy), size=size, leader=far))
                break
    return written


def _offsets(width: float, height: float, *, upon: bool) -> Iterator[tuple[float, float]]:
    if upon:
        yield 0.0, 0.0
    for distance, eighth in product(_FAR if upon else _NEAR, _DIRECTIONS):
        turn = eighth * pi / 4
        yield cos(turn) * (distance + width / 2), sin(turn) * (distance + height / 2)


def _hits(box: _Box, taken: Sequence[_Box], obstacles: Floats) -> bool:
    left, bottom, right, top = box[0] - _GAP, box[1] - _GAP, box[2] + _GAP, box[3] + _GAP
    if any(left < x1 and x0 < right and bottom < y1 and y0 < top for x0, y0, x1, y1 in taken):
        return True
    x, y = obstacles[:, 0], obstacles[:, 1]
    left, bottom, right, top = box[0] - _MARK, box[1] - _MARK, box[2] + _MARK, box[3] + _MARK
    return bool(((left < x) & (x < right) & (bottom < y) & (y < top)).any())


def _annotate(
    axes: Axes, position: tuple[float, float], text: str, offset: tuple[float, float], *, size: float, leader: bool
) -> Annotation:
    points = (offset[0] * 72 / DPI, offset[1] * 72 / DPI)
    arrow = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.7, "shrinkA": 0, "shrinkB": 0} if leader else None
    made = axes.annotate(
        text, position, xytext=points, textcoords="offset points", ha="center", va="center", color=INK, zorder=10,
        fontproperties=font(size), parse_math=False, arrowprops=arrow,
    )  # fmt: skip
    # Around the letters, a white edge would repeat all of them in an SVG.
    made.set_bbox({"boxstyle": "square,pad=0.08", "facecolor": "white", "edgecolor": "none", "alpha": 0.85})
    return made
