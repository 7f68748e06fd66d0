"""The figure: best validation accuracy over time, one line a system."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.figure import Figure

from benchmarks.peers.curves import Run, median_and_range, of_system
from sweep.figures.style import (
    BLUE,
    GREEN,
    HEADER,
    MUTED,
    ORANGE,
    VERMILLION,
    caption,
    legend,
    new_figure,
    panel,
    say,
)

_WIDTH, _HEIGHT = 7.2, 4.2  # inches
_COLOURS: Final = (BLUE, ORANGE, GREEN, VERMILLION)
_DASHES: Final = ("-", "--", "-.", ":")
_LOWEST: Final = 70.0  # percent: what lies below says little of a search


def draw(runs: Sequence[Run], *, titles: Mapping[str, str], target: float) -> Figure:
    """Median over repeats as a line, lowest to highest as a band; before its first epoch a repeat counts as 0.

    Args:
        runs: All that are to be shown, each with the same limit.
        titles: Of the systems, in the order of the legend.
        target: Drawn as a line across.
    """
    shown = [system for system in titles if of_system(runs, system)]
    repeats = max((len(of_system(runs, system)) for system in shown), default=0)
    counted = "1 repeat" if repeats == 1 else f"median and range of {repeats} repeats"
    figure = new_figure(_WIDTH, _HEIGHT, title="Best validation accuracy over time", subtitle=counted)
    if not shown:
        say(figure, "Nothing was run yet.")
        return figure
    limit = max(run.limit_seconds for run in runs)
    bottom, top = 1.0, _HEIGHT - HEADER - 0.15
    axes = panel(figure, 0.55, bottom, _WIDTH - 0.8, top - bottom)
    entries: list[tuple[Artist, str]] = []
    highest = 100 * target
    for system, title in titles.items():
        if system not in shown:
            continue
        place = list(titles).index(system)
        colour, dashes = _COLOURS[place % len(_COLOURS)], _DASHES[place % len(_DASHES)]
        curves = [run.curve for run in of_system(runs, system)]
        times = sorted({0.0, limit, *(seconds for curve in curves for seconds, _ in curve)})
        band = 100 * np.array(median_and_range(curves, times))
        low, middle, high = band.T
        highest = max(highest, high.max())
        # Below the axis rather than at 0: a line that comes up from nothing would hide the others' beginnings.
        seen = np.where(middle > 0, middle, np.nan)
        axes.fill_between(times, low, high, where=high > 0, color=colour, alpha=0.15, linewidth=0, step="post")
        (line,) = axes.step(times, seen, where="post", color=colour, linestyle=dashes, linewidth=1.8)
        entries.append((line, title))
    across = axes.axhline(100 * target, color=MUTED, linestyle=":", linewidth=1.2, zorder=1)
    entries.append((across, f"target: {100 * target:g} %"))
    axes.set_xlim(0, limit)
    axes.set_ylim(min(_LOWEST, highest - 5), highest + 1)
    caption(axes, "best validation accuracy so far, %", below="seconds since the process was started")
    legend(figure, entries, left=0.55, top=0.48, columns=3)
    return figure
