"""Trials as points: what kinds there are, how they look, and which part of the accuracies is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from sweep.figures.style import BLUE, GREY, INK, MUTED, ORANGE, VERMILLION, Floats, marks


class PointKind(StrEnum):
    """What a point stands for."""

    REPORTED = "reported"
    BASELINE = "baseline"
    SEARCHED = "searched"
    PRUNED = "pruned"
    BEST = "best"


@dataclass(frozen=True, kw_only=True)
class _Look:
    name: str
    marker: str
    colour: str
    size: float
    edge: str = "white"
    order: float = 3


_LOOKS = {
    PointKind.PRUNED: _Look(name="pruned", marker="x", colour=MUTED, size=4.5, edge=MUTED, order=2),
    PointKind.SEARCHED: _Look(name="searched", marker="o", colour=ORANGE, size=6),
    PointKind.BASELINE: _Look(name="baseline, run here", marker="s", colour=BLUE, size=6),
    PointKind.REPORTED: _Look(name="reported", marker="D", colour="none", size=6, edge=INK, order=2.5),
    PointKind.BEST: _Look(name="best", marker="*", colour=VERMILLION, size=14, order=4),
}


@dataclass(frozen=True, kw_only=True)
class Window:
    """The part of the accuracies that is shown, in percent.

    Attributes:
        low: Lower end of the axis.
        high: Upper end of the axis.
        floor: What lies below is drawn on this line; None if nothing does.
    """

    low: float
    high: float
    floor: float | None

    def clip(self, values: Floats) -> Floats:
        """The values with those below the floor lifted to where they are drawn."""
        return values if self.floor is None else np.maximum(values, self.floor)


def window_of(percents: Iterable[float]) -> Window:
    """Choose a window, so that a trial at chance does not squeeze all others into one line.

    Args:
        percents: Accuracies in percent; those that are not finite do not count.
    """
    values = np.array([value for value in percents if np.isfinite(value)])
    if not len(values):
        return Window(low=0, high=100, floor=None)
    highest = float(values.max())
    middle = float(np.median(values))
    spread = max(highest - middle, 0.5)
    cut = float(values[values >= middle - 10 * spread].min())
    space = max(0.08 * (highest - cut), 0.2)
    if values.min() >= cut:
        return Window(low=cut - space, high=highest + space, floor=None)
    return Window(low=cut - 3 * space, high=highest + space, floor=cut - 1.5 * space)


def show(axes: Axes, window: Window) -> tuple[Artist, str] | None:
    """Give an axes the window; returns a legend's entry for the line at its floor, if it has one."""
    axes.set_ylim(window.low, window.high)
    if window.floor is None:
        return None
    line = axes.axhline(window.floor, color=GREY, linewidth=0.8, linestyle=(0, (2, 3)), zorder=1)
    # Half a step above the floor lies the lowest value that is drawn where it belongs.
    return line, f"{window.floor:.3g} % or less"


def below(axes: Axes, x: Floats, percents: Floats, window: Window) -> None:
    """Hang a small arrow under each point that lies below the window."""
    if window.floor is None:
        return
    under = x[percents < window.floor]
    if len(under):
        at = np.full(len(under), window.low + 0.3 * (window.floor - window.low))
        marks(axes, under, at, marker="v", color=MUTED, size=3.5, markeredgewidth=0).set_label("below")


def draw(axes: Axes, x: Floats, percents: Floats, kinds: Sequence[str], window: Window) -> list[tuple[Artist, str]]:
    """Draw points by their kinds.

    Args:
        axes: Where.
        x: Shape (n,).
        percents: Accuracies in percent, shape (n,).
        kinds: A `PointKind` for each.
        window: What of the accuracies is shown.

    Returns:
        The legend's entries, of the kinds that occur.
    """
    found = np.array([PointKind(kind) for kind in kinds], dtype=object)
    entries: list[tuple[Artist, str]] = []
    for kind, look in _LOOKS.items():
        chosen = found == kind
        if chosen.any():
            drawn = marks(
                axes, x[chosen], window.clip(percents[chosen]), marker=look.marker, color=look.colour, size=look.size,
                markeredgecolor=look.edge, markeredgewidth=1.1 if look.edge != "white" else 0.6, zorder=look.order,
                clip_on=False,
            )  # fmt: skip
            drawn.set_label(kind.value)
            below(axes, x[chosen], percents[chosen], window)
            entries.append((drawn, look.name))
    return entries
