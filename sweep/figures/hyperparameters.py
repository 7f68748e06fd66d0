"""What the hyperparameters do: slices of the search space, importances."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10
from typing import Final, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.figures.points import Window, below, show, window_of
from sweep.figures.style import BLUE, GREY, HEADER, INK, MUTED, Floats, caption, marks, new_figure, panel, say
from sweep.figures.text import BODY_SIZE, SMALL_SIZE, class_names, fitted, font, width_of, write

_COLUMNS = 3
_PANEL_WIDTH, _PANEL_HEIGHT = 2.0, 1.6  # inches
_STEP_X, _STEP_Y = 2.55, 2.3  # inches from one panel to the next
_MOST_LANES: Final = 6  # different whole numbers that still get a lane each
_GOLDEN: Final = 0.618034  # its multiples, modulo 1, spread evenly however many there are

Value: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One hyperparameter over the trials.

    Attributes:
        name: Its name.
        values: Its value in each trial; None where it is off.
        objective: The trials' validation accuracies, 0…1.
        log: Whether it is drawn log-uniformly. Defaults to False.
    """

    name: str
    values: Sequence[Value]
    objective: Sequence[float]
    log: bool = False

    def __post_init__(self) -> None:
        if len(self.values) != len(self.objective):
            raise ValueError(
                f"Slice {self.name!r} needs an objective for each value. "
                f"Received: {len(self.values)} values and {len(self.objective)} objectives."
            )


@dataclass(frozen=True, kw_only=True)
class _Lanes:
    """Where a hyperparameter's values lie along an axis of our own.

    Attributes:
        x: Of each trial.
        ticks: Places and what stands below them.
        ends: Of the axis.
        lanes: Middles of the lanes of equal values; trials in them are spread.
        edge: Between the lane of what is off and the numbers; None if there are not both.
    """

    x: Floats
    ticks: tuple[tuple[float, str], ...]
    ends: tuple[float, float]
    lanes: tuple[float, ...]
    edge: float | None = None


def slices(hyperparameters: Sequence[Slice], *, title: str) -> Figure:
    """Validation accuracy over each hyperparameter; trials where it is off have a lane of their own.

    Args:
        hyperparameters: A panel each, at least one.
        title: What the figure is called.
    """
    rows = max(1, ceil(len(hyperparameters) / _COLUMNS))
    columns = min(max(len(hyperparameters), 2), _COLUMNS)
    width, height = 0.2 + columns * _STEP_X, HEADER + 0.1 + rows * _STEP_Y
    percents = [100 * np.asarray(each.objective, dtype=float) for each in hyperparameters]
    window = window_of(value for values in percents for value in values)
    line = "" if window.floor is None else f"; on the dotted line: {window.floor:.3g} % or less"
    subtitle = f"validation accuracy in %; bars are medians{line}"
    figure = new_figure(width, height, title=title, subtitle=subtitle)
    if not any(len(values) for values in percents):
        say(figure, "No trial has finished.")
        return figure
    for index, (each, values) in enumerate(zip(hyperparameters, percents, strict=True)):
        row, column = divmod(index, _COLUMNS)
        bottom = height - HEADER - 0.02 - row * _STEP_Y - _PANEL_HEIGHT
        axes = panel(figure, 0.55 + column * _STEP_X, bottom, _PANEL_WIDTH, _PANEL_HEIGHT)
        caption(axes, "", below=fitted(each.name, size=SMALL_SIZE, width=_PANEL_WIDTH))
        axes.xaxis.label.set(color=INK, fontproperties=font(BODY_SIZE, bold=True))
        _slice(axes, each, values, window)
    return figure


def _slice(axes: Axes, hyperparameter: Slice, percents: Floats, window: Window) -> None:
    found = _lanes(hyperparameter)
    drawn = marks(axes, found.x, window.clip(percents), marker="o", color=BLUE, size=5, alpha=0.75, zorder=2)
    drawn.set(clip_on=False, label="trials")
    below(axes, found.x, percents, window)
    for lane in found.lanes:
        within = percents[(np.abs(found.x - lane) < _HALF_LANE) & np.isfinite(percents)]
        if len(within) > 1:
            middle = window.clip(np.array([np.median(within)]))
            half = _HALF_LANE * (0.8 if found.edge is None else 0.3)
            axes.plot([lane - half, lane + half], np.repeat(middle, 2), color=INK, linewidth=1.6, zorder=3)
    if found.edge is not None:
        axes.axvline(found.edge, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlim(*found.ends)
    show(axes, window)
    texts = [text for _, text in found.ticks]
    room = _PANEL_WIDTH if found.edge is not None else _PANEL_WIDTH / max(1, len(found.lanes)) - 0.08
    names = class_names(texts, size=SMALL_SIZE, width=room)
    if any(name != text for name, text in zip(names, texts, strict=True)):
        # Every second one stands a line lower, which gives each twice the room.
        names = class_names(texts, size=SMALL_SIZE, width=2 * room)
        names = [("\n" if index % 2 else "") + name for index, name in enumerate(names)]
    axes.set_xticks([place for place, _ in found.ticks], names, parse_math=False)
    axes.grid(visible=bool(not found.lanes or found.edge is not None), axis="x")


_HALF_LANE = 0.42


def _lanes(hyperparameter: Slice) -> _Lanes:
    values = hyperparameter.values
    on = [value for value in values if value is not None]
    if any(isinstance(value, (str, bool)) for value in on) or _are_few(on) or not on:
        return _in_lanes(values)
    numbers = np.array([np.nan if value is None else float(value) for value in values])
    is_off = np.array([value is None for value in values])
    good = numbers[np.isfinite(numbers)]
    log = hyperparameter.log and bool((good > 0).all())
    scaled = np.log10(np.where(numbers > 0, numbers, np.nan)) if log else numbers
    finite = scaled[np.isfinite(scaled)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    if high == low:
        low, high = low - 0.5, high + 0.5
    ticks = [(_NUMBERS * (at - low) / (high - low), text) for at, text in _number_ticks(low, high, log=log)]
    x = _NUMBERS * (scaled - low) / (high - low)
    if not is_off.any():
        return _Lanes(x=x, ticks=tuple(ticks), ends=(-0.15, _NUMBERS + 0.15), lanes=())
    off = -1.0
    spread = 0.5 * ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5)
    return _Lanes(
        x=np.where(is_off, off + spread, x),
        ticks=((off, "off"), *ticks),
        ends=(off - 0.5, _NUMBERS + 0.2),
        lanes=(off,),
        edge=-0.5,
    )


_NUMBERS = 4.0  # length of the axis of numbers where a lane is 1 wide


def _are_few(on: Sequence[Value]) -> bool:
    return all(isinstance(value, int) for value in on) and len(set(on)) <= _MOST_LANES


def _in_lanes(values: Sequence[Value]) -> _Lanes:
    def name(value: Value) -> str:
        if value is None or isinstance(value, bool):
            return "on" if value else "off"
        return str(value)

    numbers = sorted({value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)})
    words = sorted({value for value in values if isinstance(value, str)})
    switches = [
        text for text in ("off", "on") if text in {name(v) for v in values if v is None or v is True or v is False}
    ]
    names = [*switches, *map(str, numbers), *(word for word in words if word not in switches)]
    at = {text: float(index) for index, text in enumerate(names)}
    spread = 0.5 * ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5)
    return _Lanes(
        x=np.array([at[name(value)] for value in values]) + spread,
        ticks=tuple((place, text) for text, place in at.items()),
        ends=(-0.5, len(names) - 0.5),
        lanes=tuple(at.values()),
    )


def _number_ticks(low: float, high: float, *, log: bool) -> list[tuple[float, str]]:
    """Places, in the scale of the axis, and texts of three to six round numbers."""
    if log:
        steps = (1,) if high - low > 1.5 else (1, 2, 5)
        decades = range(floor(low), ceil(high) + 1)
        found = [step * 10.0**decade for decade in decades for step in steps]
        every = max(1, ceil((high - low) / 4))
        if steps == (1,):
            found = found[::every]
        inside = [(log10(value), f"{value:g}") for value in found if low - 1e-9 <= log10(value) <= high + 1e-9]
        return inside or [(at, f"{10**at:.2g}") for at in (low, high)]
    step = 10.0 ** floor(log10((high - low) / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 4.5)
    first = ceil(low / step - 1e-9)
    return [(index * step, f"{index * step:.6g}") for index in range(first, floor(high / step + 1e-9) + 1)]


def importances(shares: Mapping[str, float], *, title: str) -> Figure:
    """Each hyperparameter's share of the differences between trials, the largest first.

    Args:
        shares: Share by name, 0…1; those that are not finite are left out. May be empty.
        title: What the figure is called.
    """
    ordered = sorted(
        ((name, share) for name, share in shares.items() if isfinite(share)), key=lambda each: (-each[1], each[0])
    )
    left = 0.15 + max((width_of(_name(name), size=BODY_SIZE) for name, _ in ordered), default=1.0) + 0.1
    height = HEADER + 0.05 + 0.3 * max(len(ordered), 2)
    figure = new_figure(6.2, height, title=title, subtitle="share of the differences in validation accuracy")
    if not ordered:
        say(figure, "Not known yet: it takes more finished trials.")
        return figure
    axes = panel(figure, left, 0.1, 6.2 - left - 0.75, height - HEADER - 0.1)
    axes.grid(visible=False)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    longest = max(max(share for _, share in ordered), 1e-9)
    for place, (name, share) in enumerate(ordered):
        axes.barh(place, share, height=0.62, color=BLUE, linewidth=0)
        write(axes, -0.015 * longest, place, _name(name), color=INK, ha="right", va="center_baseline")
        write(
            axes, max(share, 0) + 0.015 * longest, place, f"{100 * share:.1f} %",
            size=SMALL_SIZE, color=MUTED, va="center_baseline",
        )  # fmt: skip
    axes.set(xlim=(0, longest), ylim=(len(ordered) - 0.5, -0.5))
    return figure


def _name(text: str) -> str:
    return fitted(text, size=BODY_SIZE, width=2.2)
