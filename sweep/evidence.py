"""What a trial leaves to look at: figures and tables, in the order in which the dashboard shows them."""

import csv
import gc
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.plan import LayerPlan
from sweep.messages import HISTORY_COLUMNS, EpochEnd, Evaluation, Result
from sweep.metrics import class_scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Places in the gallery, where the dashboard shows the same place of every trial; and the names that its cards sort by.
CURVES = (0, "1-learning-curves.png")
MATRIX = (1, "2-confusion-matrix.png")
CLASSES = (2, "3-classes.csv")
CONFUSIONS = (3, "4-worst-confusions.png")
FEATURES = (4, "5-features.png")
NETWORK = (5, "6-network.png")
HISTORY = (6, "7-history.csv")
TEST_MATRIX = (7, "8-test-confusion-matrix.png")
TEST_CLASSES = (8, "9-test-classes.csv")

AHEAD = 64  # drawings that wait for their trials' ends: no host trains more at once


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The trial that is shown.

    Attributes:
        number: Its number.
        title: The reported experiment's name, or the parameters.
        plan: Its network.
        labels: Names of the classes.
        resumed_after: Epochs that came from the attempt before, or None.
    """

    number: int
    title: str
    plan: LayerPlan
    labels: tuple[str, ...]
    resumed_after: int | None = None

    @property
    def heading(self) -> str:
        """The first line of its figures."""
        return f"Trial {self.number}: {self.title}"


@dataclass(frozen=True, kw_only=True)
class Exhibit:
    """One file.

    Attributes:
        order: Its place in the gallery.
        filename: Its name for people.
        content: The bytes of a PNG or CSV file.
    """

    order: int
    filename: str
    content: bytes

    @property
    def mimetype(self) -> str:
        """What a browser takes it for."""
        return "image/png" if self.filename.endswith(".png") else "text/csv"


def prepare() -> None:
    """Import what draws, which takes a second, so that no trial's end waits for it.

    What a process holds by then is kept from the collector, which looks through all of it at every figure: that takes
    a third of a figure's time.
    """
    from sweep.figures import architecture, curves, features, images, matrices, rendering  # noqa: F401

    gc.collect()
    gc.freeze()


def draw_ahead(subject: Subject) -> None:
    """Draw what does not depend on how a trial ends: its end waits for less."""
    _network(subject.plan, subject.heading)


def of_complete(subject: Subject, result: Result, *, with_features: bool) -> list[Exhibit]:
    """What a trial leaves that was trained to its end.

    Args:
        subject: The trial.
        result: What came of it.
        with_features: Whether the scatter is worth its place: for baselines and the best so far.
    """
    # Here, for readers of evidence draw nothing: matplotlib takes a second to import.
    from sweep.figures.features import features
    from sweep.figures.images import worst_confusions

    heading, labels = subject.heading, subject.labels
    exhibits = _of_history(subject, result.history, best_epoch=result.best_epoch)
    exhibits += _of_matrix(subject, result.validation, "validation", MATRIX, CLASSES)
    if result.confusions is not None:
        worst = result.confusions
        drawn = worst_confusions(
            worst.images, worst.true, worst.predicted, worst.confidence, labels, title=f"{heading}, its surest mistakes"
        )
        exhibits.append(_figure(CONFUSIONS, drawn))
    if result.features is not None and with_features:
        shown = result.features
        drawn = features(
            shown.points,
            shown.true,
            labels,
            title=f"{heading}, what its last layer sees of {len(shown.true)} validation images",
            method=f"PCA, {shown.explained:.0%} of the variance",
            predicted=shown.predicted,
        )
        exhibits.append(_figure(FEATURES, drawn))
    exhibits.append(_network(subject.plan, heading))
    if result.test is not None:
        exhibits += _of_matrix(subject, result.test, "test", TEST_MATRIX, TEST_CLASSES)
    return sorted(exhibits, key=lambda exhibit: exhibit.order)


def of_cut(subject: Subject, history: Sequence[EpochEnd], *, pruned: bool) -> list[Exhibit]:
    """What a trial leaves that was pruned or failed: its curves, if it came to an epoch's end."""
    if not history:
        return []
    best = max(history, key=lambda end: end.val_accuracy).epoch
    return _of_history(subject, history, best_epoch=best, pruned_at=history[-1].epoch if pruned else None)


def _of_history(
    subject: Subject, history: Sequence[EpochEnd], *, best_epoch: int, pruned_at: int | None = None
) -> list[Exhibit]:
    from sweep.figures.curves import learning_curves

    columns = {name: [getattr(end, name) for end in history] for name in HISTORY_COLUMNS}
    drawn = learning_curves(
        columns,
        title=subject.heading,
        best_epoch=best_epoch,
        resumed_after=subject.resumed_after,
        pruned_at=pruned_at,
    )
    rows = [HISTORY_COLUMNS, *zip(*columns.values(), strict=True)]
    return [_figure(CURVES, drawn), _table(HISTORY, rows)]


def _of_matrix(
    subject: Subject, evaluation: Evaluation, part: str, figure: tuple[int, str], table: tuple[int, str]
) -> list[Exhibit]:
    from sweep.figures.matrices import confusion_matrix

    labels, matrix = subject.labels, np.asarray(evaluation.confusion_matrix)
    title = f"{subject.heading}, {matrix.sum()} {part} images"
    rows: list[Sequence[object]] = [("class", "images", "precision", "recall", "f1", "mostly mistaken for", "mistaken")]
    for label, scores in zip(labels, class_scores(matrix), strict=True):
        measures = [f"{value:.4f}" for value in (scores.precision, scores.recall, scores.f1)]
        other = "" if scores.mistaken_for is None else labels[scores.mistaken_for]
        rows.append((label, scores.images, *measures, other, scores.mistaken))
    return [
        _figure(figure, confusion_matrix(evaluation.confusion_matrix, labels, title=title)),
        _table(table, rows),
    ]


@lru_cache(maxsize=AHEAD)
def _network(plan: LayerPlan, heading: str) -> Exhibit:
    from sweep.figures.architecture import architecture

    return _figure(NETWORK, architecture(plan, title=heading))


def _figure(place: tuple[int, str], figure: "Figure") -> Exhibit:
    from sweep.figures.rendering import render

    return Exhibit(order=place[0], filename=place[1], content=render(figure))


def _table(place: tuple[int, str], rows: Iterable[Sequence[object]]) -> Exhibit:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return Exhibit(order=place[0], filename=place[1], content=text.getvalue().encode())
