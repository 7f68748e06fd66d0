"""The learning curves of a trial."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.figures.style import (
    BLUE,
    HEADER,
    INK,
    MUTED,
    ORANGE,
    VERMILLION,
    Floats,
    caption,
    legend,
    logarithmic,
    marks,
    new_figure,
    panel,
    say,
    whole_numbers,
)

_WIDTH, _HEIGHT = 7.2, 3.2  # inches
_HUGE: Final = 1e30  # a loss beyond it has diverged; an axis up to there would show nothing else
_LOG_FROM: Final = 30.0  # largest loss over smallest, from which on an axis is logarithmic


def learning_curves(
    history: Mapping[str, Sequence[float]],
    *,
    title: str,
    best_epoch: int | None,
    resumed_after: int | None = None,
    pruned_at: int | None = None,
) -> Figure:
    """Accuracy and loss over the epochs, of training and of validation.

    Args:
        history: Columns of equal length: `epoch` (from 1), `accuracy`, `val_accuracy` (0…1), `loss`, `val_loss`.
            A missing column is left out. NaN and infinity are marked at the upper edge.
        title: What the figure is called.
        best_epoch: The epoch whose weights are kept, from 1; None if there is none.
        resumed_after: The last epoch of the attempt before; None, the default, if there was none.
        pruned_at: The epoch at which the trial was pruned; None, the default, if it was not.
    """
    epochs = np.asarray(history.get("epoch", ()), dtype=float)
    figure = new_figure(_WIDTH, _HEIGHT, title=title, subtitle=_subtitle(history))
    if not len(epochs):
        say(figure, "No epoch was finished.")
        return figure
    entries: dict[str, Artist] = {}
    best_name = ""
    bottom, top = 0.9, _HEIGHT - HEADER - 0.15
    for left, metric, scale, heading in (
        (0.5, "accuracy", 100, "accuracy in %"),
        (_WIDTH / 2 + 0.42, "loss", 1, "loss"),
    ):
        axes = panel(figure, left, bottom, _WIDTH / 2 - 0.62, top - bottom)
        columns = {
            "training": scale * np.asarray(history.get(metric, ()), dtype=float),
            "validation": scale * np.asarray(history.get(f"val_{metric}", ()), dtype=float),
        }
        entries |= _lines(axes, epochs, columns, may_be_logarithmic=metric == "loss")
        caption(axes, heading + (" (logarithmic)" if axes.get_yscale() == "log" else ""), below="epoch")
        validation = columns["validation"]
        if best_epoch is not None:
            if metric == "accuracy":
                best_name = _best_name(epochs, validation, best_epoch)
            entries[best_name] = _best(axes, epochs, validation, best_epoch)
        entries |= _events(axes, resumed_after=resumed_after, pruned_at=pruned_at)
    legend(
        figure, [(handle, text) for text, handle in entries.items()],
        left=0.5, top=0.42, columns=len(entries) if len(entries) < 6 else 3,
    )  # fmt: skip
    return figure


def _subtitle(history: Mapping[str, Sequence[float]]) -> str:
    seconds = np.asarray(history.get("seconds", ()), dtype=float)
    epochs = len(history.get("epoch", ()))
    counted = "1 epoch" if epochs == 1 else f"{epochs} epochs"
    return f"{counted}, {seconds.mean():,.3g} s each" if len(seconds) and np.isfinite(seconds).all() else counted


def _best_name(epochs: Floats, percents: Floats, best_epoch: int) -> str:
    found = percents[epochs == best_epoch] if len(percents) == len(epochs) else percents[:0]
    return f"best epoch: {best_epoch}" + (f" ({found[0]:.1f} %)" if len(found) and np.isfinite(found[0]) else "")


def _lines(axes: Axes, epochs: Floats, columns: Mapping[str, Floats], *, may_be_logarithmic: bool) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    styles = {"training": (ORANGE, "--", "s"), "validation": (BLUE, "-", "o")}
    lost: set[float] = set()
    shown: list[float] = []
    # Points make short curves readable and a single epoch, or one between two gaps, visible.
    few = len(epochs) <= 25
    for name, values in columns.items():
        if len(values) != len(epochs):
            continue
        good = np.isfinite(values) & (np.abs(values) < _HUGE)
        lost |= set(epochs[~good])
        shown += values[good].tolist()
        colour, dashes, marker = styles[name]
        alone = good & ~np.append(good[1:], False) & ~np.append(False, good[:-1])
        (entries[name],) = axes.plot(
            epochs, np.where(good, values, np.nan), color=colour, linestyle=dashes, linewidth=1.7, marker=marker,
            markersize=3.5, markevery=np.flatnonzero(good if few else alone).tolist(), label=name,
        )  # fmt: skip
    if may_be_logarithmic and shown and min(shown) > 0 and max(shown) / min(shown) > _LOG_FROM:
        logarithmic(axes, "y", _short)
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    whole_numbers(axes)
    if lost:
        where = sorted(lost)
        entries["not finite"] = marks(
            axes, where, [0.97] * len(where), marker="x", color=VERMILLION, size=5,
            transform=axes.get_xaxis_transform(), markeredgecolor=VERMILLION, markeredgewidth=1.5, label="not finite",
        )  # fmt: skip
    return entries


def _short(value: float) -> str:
    """A number beside an axis, where there is little room."""
    return f"{value:g}" if 1e-3 <= value < 1e4 else f"{value:.0e}".replace("e+0", "e").replace("e-0", "e-")


def _best(axes: Axes, epochs: Floats, validation: Floats, best_epoch: int) -> Artist:
    at = dict(zip(epochs.tolist(), validation.tolist(), strict=False))
    return marks(
        axes, [best_epoch], [at.get(best_epoch, np.nan)], marker="*", color=INK, size=12, zorder=5, label="best",
        markeredgewidth=0.8,
    )  # fmt: skip


def _events(axes: Axes, *, resumed_after: int | None, pruned_at: int | None) -> dict[str, Artist]:
    entries: dict[str, Artist] = {}
    if resumed_after:  # a retry that begins again resumes after no epoch
        entries[f"resumed after epoch {resumed_after}"] = axes.axvline(
            resumed_after + 0.5, color=MUTED, linestyle=":", linewidth=1.4, zorder=1, label="resumed"
        )
    if pruned_at is not None:
        entries[f"pruned at epoch {pruned_at}"] = axes.axvline(
            pruned_at, color=VERMILLION, linestyle="-.", linewidth=1.2, zorder=1, label="pruned"
        )
    return entries
