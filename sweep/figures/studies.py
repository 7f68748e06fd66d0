"""A study at a glance: how it went, what its trials cost, whether it reproduces the report."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure

from sweep.figures.labels import place_labels
from sweep.figures.points import PointKind, draw, show, window_of
from sweep.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    HEADER,
    MUTED,
    SHORT_HEADER,
    VERMILLION,
    caption,
    legend,
    logarithmic,
    marks,
    new_figure,
    panel,
    say,
    whole_numbers,
)
from sweep.figures.text import SMALL_SIZE, fitted

_WIDTH, _HEIGHT = 7.2, 4.8  # inches
_NAME = 1.6  # inches, the widest name beside a point
_SLACK: Final = 1e-9  # points, as arithmetic with binary fractions needs it


@dataclass(frozen=True, kw_only=True)
class CostPoint:
    """A network by cost and accuracy.

    Attributes:
        name: Such as `isolated-3` or `trial 17`.
        macs: Multiply-accumulates of one image's forward pass, above 0.
        accuracy: 0…1.
        kind: What it stands for.
    """

    name: str
    macs: float
    accuracy: float
    kind: PointKind


def accuracy_against_cost(points: Sequence[CostPoint], *, title: str, measure: str = "accuracy") -> Figure:
    """Accuracy over forward MMACs, with the line of those that no cheaper one beats.

    Args:
        points: The networks; those without a finite accuracy or a cost are left out.
        title: What the figure is called.
        measure: What the accuracy is measured on. Defaults to `accuracy`.
    """
    shown = [point for point in points if np.isfinite(point.accuracy) and point.macs > 0]
    figure = new_figure(_WIDTH, _HEIGHT, title=title)
    if not shown:
        say(figure, "No trial has finished.")
        return figure
    millions = np.array([point.macs for point in shown]) / 1e6
    percents = 100 * np.array([point.accuracy for point in shown])
    window = window_of(percents)
    axes = panel(figure, 0.55, 0.9, _WIDTH - 0.75, _HEIGHT - SHORT_HEADER - 1.1)
    caption(axes, f"{measure} in %", below="MMACs for one image (logarithmic)")
    entries = draw(axes, millions, percents, [point.kind for point in shown], window)
    below = show(axes, window)
    low, high = float(millions.min()), float(millions.max())
    space = max((high / low) ** 0.06, 1.15)
    axes.set_xlim(low / space, high * space)
    logarithmic(axes, "x")
    front = _front(millions, percents)
    # Beyond its last point nothing better was found at any cost.
    (line,) = axes.plot(
        np.append(millions[front], high * space), window.clip(np.append(percents[front], percents[front[-1]])),
        drawstyle="steps-post", color=MUTED, linewidth=1, zorder=1.5, label="front",
    )  # fmt: skip
    entries += [(line, "best at that cost or less"), *([below] if below else [])]
    legend(figure, entries, left=0.55, top=0.42, columns=len(entries) if len(entries) < 5 else 3)
    # Searched trials are many: only those that matter have a name, and no name stands twice.
    best = [index for index, point in enumerate(shown) if point.kind == PointKind.BEST]
    known = [index for index, point in enumerate(shown) if point.kind in (PointKind.BASELINE, PointKind.REPORTED)]
    named = {shown[index].name: index for index in reversed([*best, *front[::-1], *known])}
    names = list(named.values())[::-1]
    where = np.column_stack([millions, window.clip(percents)])
    along = np.geomspace(millions[front[0]], high * space, 200)
    height = percents[front][np.searchsorted(millions[front], along, side="right") - 1]
    avoid = np.vstack([where, np.column_stack([along, window.clip(height)])])
    place_labels(
        axes, [(millions[index], where[index, 1]) for index in names],
        [fitted(shown[index].name, size=SMALL_SIZE - 1, width=_NAME) for index in names],
        avoid=avoid, size=SMALL_SIZE - 1,
    )  # fmt: skip
    return figure


def _front(costs: np.ndarray, values: np.ndarray) -> list[int]:
    """Indices of the points that no cheaper or equally cheap one reaches, from cheap to costly."""
    front: list[int] = []
    for index in np.lexsort((-values, costs)):
        if not front or values[index] > values[front[-1]]:
            front.append(int(index))
    return front


def optimisation_history(
    numbers: Sequence[int],
    values: Sequence[float],
    kinds: Sequence[PointKind],
    best_so_far: Sequence[float],
    *,
    title: str,
) -> Figure:
    """Validation accuracy over the trials' numbers.

    Args:
        numbers: The trials' numbers, n of them.
        values: Validation accuracies, 0…1, n of them; a pruned trial's last report.
        kinds: What each trial is, n of them.
        best_so_far: The best complete trial's value up to each, n of them; NaN where there is none yet.
        title: What the figure is called.

    Raises:
        ValueError: If the lengths differ.
    """
    if not len(numbers) == len(values) == len(kinds) == len(best_so_far):
        raise ValueError(
            "Expected a value, a kind and a best value for each trial. "
            f"Received: {len(numbers)} trials, {len(values)}, {len(kinds)} and {len(best_so_far)}."
        )
    figure = new_figure(_WIDTH, 3.6, title=title)
    if not len(numbers):
        say(figure, "No trial has finished.")
        return figure
    x, percents = np.asarray(numbers, dtype=float), 100 * np.asarray(values, dtype=float)
    best = 100 * np.asarray(best_so_far, dtype=float)
    window = window_of([*percents, *best])
    axes = panel(figure, 0.55, 0.8, _WIDTH - 0.75, 3.6 - SHORT_HEADER - 1.0)
    caption(axes, "validation accuracy in %", below="trial")
    (line,) = axes.plot(x, window.clip(best), drawstyle="steps-post", color=MUTED, linewidth=1.3, zorder=1.5)
    entries = draw(axes, x, percents, kinds, window)
    below = show(axes, window)
    axes.set_xlim(x.min() - 0.5, x.max() + 0.5)
    whole_numbers(axes)
    entries += [(line, "best so far"), *([below] if below else [])]
    legend(figure, entries, left=0.55, top=0.32, columns=len(entries))
    return figure


def reported_against_reproduced(
    ids: Sequence[str],
    reported: Sequence[float],
    reproduced: Sequence[float | None],
    tolerance: float,
    *,
    title: str,
) -> Figure:
    """The report's test accuracies against those reached here, with the band of what counts as the same.

    Args:
        ids: Names of the experiments, n of them.
        reported: Test accuracies, 0…1, n of them.
        reproduced: Test accuracies, 0…1, n of them; None where there is none yet.
        tolerance: Half the height of the band, in percentage points.
        title: What the figure is called.

    Raises:
        ValueError: If the lengths differ.
    """
    if not len(ids) == len(reported) == len(reproduced):
        raise ValueError(
            "Expected a reported and a reproduced accuracy for each experiment. "
            f"Received: {len(ids)} experiments, {len(reported)} and {len(reproduced)}."
        )
    pairs = [
        (name, 100 * old, 100 * new)
        for name, old, new in zip(ids, reported, reproduced, strict=True)
        if new is not None
    ]
    side = 4.6  # inches
    figure = new_figure(
        side + 0.8, side + HEADER + 0.95, title=title,
        subtitle=f"{len(pairs)} of {len(ids)} experiments have run; the band is ±{tolerance:g} points",
    )  # fmt: skip
    if not pairs:
        say(figure, "No reported experiment has run.")
        return figure
    x, y = np.array([old for _, old, _ in pairs]), np.array([new for _, _, new in pairs])
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    space = max(0.08 * (high - low), tolerance, 0.2)
    ends = np.array([low - space, high + space])
    axes = panel(figure, 0.55, 0.75, side, side)
    caption(axes, "reproduced test accuracy in %", below="reported test accuracy in %")
    axes.set(xlim=ends, ylim=ends)
    axes.fill_between(ends, ends - tolerance, ends + tolerance, color=FAINT, linewidth=0, zorder=0.5)
    axes.plot(ends, ends, color=MUTED, linewidth=1, zorder=1)
    entries = []
    difference = y - x
    for name, chosen, marker, colour in (
        ("better", difference > tolerance + _SLACK, "^", GREEN),
        ("the same", np.abs(difference) <= tolerance + _SLACK, "o", BLUE),
        ("worse", difference < -tolerance - _SLACK, "v", VERMILLION),
    ):
        drawn = marks(axes, x[chosen], y[chosen], marker=marker, color=colour, size=7, zorder=3)
        drawn.set_label(name)
        entries.append((drawn, f"{name}: {int(chosen.sum())}"))
    legend(figure, entries, left=0.55, top=0.32, columns=3)
    place_labels(
        axes, list(zip(x.tolist(), y.tolist(), strict=True)),
        [fitted(name, size=SMALL_SIZE - 1, width=_NAME) for name, _, _ in pairs],
        avoid=np.column_stack([x, y]), size=SMALL_SIZE - 1,
    )  # fmt: skip
    return figure
