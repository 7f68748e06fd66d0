"""Draw the README's figure from the published studies: accuracy against what training took.

    python benchmarks/results.py

It reads `docs/results/residual/*.csv` (`sweep trials … --csv`) and the reported experiments, and trains nothing.
"""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

from matplotlib.figure import Figure

from search_spaces import find_space
from search_spaces.plan import LayerPlan
from search_spaces.residual import Residual
from sweep.figures.rendering import render
from sweep.figures.style import (
    BLUE,
    GREEN,
    GREY,
    HEADER,
    MUTED,
    VERMILLION,
    caption,
    legend,
    logarithmic,
    marks,
    new_figure,
    panel,
)
from sweep.figures.text import SMALL_SIZE, write

RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
FIGURE = RESULTS / "accuracy-by-training.png"
SHAPE, CLASSES = (28, 28, 1), 10
TRAINED_ON = 54_000  # images: all but the validation images
EPOCHS = 20  # ours; the report does not say how many its networks took
STYLES = {"isolated": (BLUE, "s"), "grouped": (GREEN, "^"), "pretrained": (GREY, "v")}
TERA = 1e12
LOWEST = 87.0  # percent: three of the frozen backbones are below, and said to be


@dataclass(frozen=True, kw_only=True)
class Point:
    """What was trained, and how good it is.

    Attributes:
        flops: Floating-point operations of its training.
        accuracy: Test accuracy, 0…1; of several seeds the mean.
        deviation: Their standard deviation; None for a single one.
    """

    flops: float
    accuracy: float
    deviation: float | None = None


def training_flops(plan: LayerPlan, epochs: float) -> float:
    """What training takes: a step is three forward passes, each multiply-accumulate two operations.

    Frozen layers are passed once: their features are the same in every epoch.
    """
    return 2.0 * TRAINED_ON * (3 * epochs * plan.head_macs + plan.frozen_macs)


def reported() -> dict[str, list[Point]]:
    """The report's experiments by family, each as if it had been trained for as long as ours."""
    found = {}
    for family in STYLES:
        space = find_space(family)
        plans = [space.from_dict(each.configuration).plan(SHAPE, CLASSES) for each in space.reported]
        found[family] = [
            Point(flops=training_flops(plan, EPOCHS), accuracy=each.metrics.test_accuracy)
            for plan, each in zip(plans, space.reported, strict=True)
        ]
    return found


def rows_of(name: str) -> list[dict[str, str]]:
    """What `sweep trials … --csv` printed."""
    with (RESULTS / "residual" / name).open(newline="") as file:
        return list(csv.DictReader(file))


def plan_of(row: Mapping[str, str]) -> LayerPlan:
    """A trial's network."""
    network = Residual(
        stem_filters=int(row["config_stem_filters"]),
        stem_kernel=int(row["config_stem_kernel"]),
        stages=row["config_stages"],
    )
    return network.plan(SHAPE, CLASSES)


def flops_of_search(trials: Iterable[Mapping[str, str]]) -> float:
    """What a whole study took: pruned, failed and unfinished trials by the epochs they had."""
    return sum(training_flops(plan_of(row), float(row["epochs"])) for row in trials if row["config_stages"])


def confirmed(trials: Iterable[Mapping[str, str]]) -> list[Point]:
    """Each confirmed network, the best first."""
    seeds: dict[str, list[Mapping[str, str]]] = {}
    for row in trials:
        if row["state"] == "COMPLETE":
            seeds.setdefault(row["confirms"], []).append(row)
    found = []
    for rows in seeds.values():
        accuracies = [float(row["test_accuracy"]) for row in rows]
        found.append(
            Point(
                flops=training_flops(plan_of(rows[0]), EPOCHS),
                accuracy=mean(accuracies),
                deviation=stdev(accuracies) if len(accuracies) > 1 else None,
            )
        )
    return sorted(found, key=lambda point: -point.accuracy)


def draw(reports: Mapping[str, list[Point]], ours: list[Point], search: float) -> Figure:
    """The figure.

    Args:
        reports: The report's experiments by family.
        ours: Confirmed networks, the best first.
        search: Floating-point operations of the whole search that found them.
    """
    figure = new_figure(
        7.2,
        4.0,
        title="Fashion-MNIST: test accuracy against what training took",
        subtitle=f"The report does not say for how long it trained: shown for {EPOCHS} epochs, as ours took.",
    )
    axes = panel(figure, 0.6, 0.95, 6.35, 4.0 - HEADER - 1.15)
    entries = []
    for family, points in reports.items():
        colour, marker = STYLES[family]
        shown = [point for point in points if 100 * point.accuracy >= LOWEST]
        below = f", {len(points) - len(shown)} more below {LOWEST:g} %" if len(shown) < len(points) else ""
        line = marks(axes, _teraflops(shown), _percents(shown), marker=marker, color=colour, size=6)
        entries.append((line, f"report: {family}{below}"))
    best = ours[0]
    axes.errorbar(
        _teraflops(ours),
        _percents(ours),
        yerr=[100 * (point.deviation or 0.0) for point in ours],
        fmt="none",
        ecolor=VERMILLION,
        elinewidth=1.2,
        capsize=2.5,
    )
    line = marks(axes, _teraflops(ours), _percents(ours), marker="*", color=VERMILLION, size=13, zorder=4)
    entries.append((line, "sweep: residual, mean ± standard deviation of the seeds"))
    (whole,) = axes.plot([best.flops / TERA, search / TERA], [100 * best.accuracy] * 2, color=VERMILLION, linewidth=1.2)
    marks(
        axes, [search / TERA], [100 * best.accuracy], marker="|", color=VERMILLION, size=9, markeredgecolor=VERMILLION
    )
    entries.append((whole, "… and the whole search that found it"))
    logarithmic(axes, "x")
    top = max(100 * (point.accuracy + (point.deviation or 0.0)) for point in ours)
    axes.set_ylim(LOWEST, top + 0.7)
    caption(axes, "test accuracy, %", below="training, TFLOP")
    write(axes, best.flops / TERA, 100 * best.accuracy + 0.38, f"{100 * best.accuracy:.2f} %", size=SMALL_SIZE,
          color=VERMILLION, ha="center", va="center")  # fmt: skip
    highest = max((point for points in reports.values() for point in points), key=lambda point: point.accuracy)
    write(axes, highest.flops / TERA, 100 * highest.accuracy + 0.38, f"{100 * highest.accuracy:.2f} %", size=SMALL_SIZE,
          color=MUTED, ha="center", va="center")  # fmt: skip
    legend(figure, entries, left=0.6, top=0.48, columns=2)
    return figure


def _teraflops(points: Iterable[Point]) -> list[float]:
    return [point.flops / TERA for point in points]


def _percents(points: Iterable[Point]) -> list[float]:
    return [100 * point.accuracy for point in points]


if __name__ == "__main__":
    FIGURE.write_bytes(
        render(draw(reported(), confirmed(rows_of("confirmed.csv")), flops_of_search(rows_of("trials.csv"))))
    )
    print(f"Wrote {FIGURE}.")
