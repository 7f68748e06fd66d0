"""The experiments of the report, as data.

`reported.json` holds the table rows of the study *CNNs on Fashion-MNIST* and the confusion matrices that it
prints. Where a matrix contradicts its row, both values are kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class ReportedMetrics:
    """One row of the report's table, measured on the test images.

    Attributes:
        test_accuracy: Share of images classified correctly, 0 to 1.
        test_loss: Cross-entropy plus the L2 penalty.
        precision: Macro precision, 0 to 1.
        recall: Macro recall, 0 to 1.
        f1: Macro F1, 0 to 1.
        rmse: Root of the mean squared difference between predicted and true class *index*.
    """

    test_accuracy: float
    test_loss: float
    precision: float
    recall: float
    f1: float
    rmse: float


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A second value that the report gives for a metric.

    Attributes:
        metric: A field of `ReportedMetrics`.
        value: The second value, computed from the printed confusion matrix.
        reason: Why there are two, as a sentence for people.
    """

    metric: str
    value: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReportedExperiment:
    """One experiment as it was reported.

    Attributes:
        id: Its name, unique in the report, such as `isolated-3`.
        family: The family it belongs to.
        configuration: Its hyperparameters and its family, as `SearchSpace.from_dict` takes them.
        metrics: The row of the report's table.
        confusion_matrix: Counts of test images, rows true label, columns predicted; None if not printed.
        labels: The names of the classes, in the matrix's order.
        alternatives: Second values where the report contradicts itself. Defaults to none.
    """

    id: str
    family: str
    configuration: Mapping[str, object]
    metrics: ReportedMetrics
    confusion_matrix: tuple[tuple[int, ...], ...] | None
    labels: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()

    def alternative(self, metric: str) -> Alternative | None:
        """The second value of a metric, or None if the report gives only one."""
        return next((found for found in self.alternatives if found.metric == metric), None)


def reported_experiments(family: str | None = None) -> tuple[ReportedExperiment, ...]:
    """The report's experiments in its order.

    Args:
        family: Only those of this family. Defaults to all 19.
    """
    return tuple(experiment for experiment in _read() if family in (None, experiment.family))


@cache
def _read() -> tuple[ReportedExperiment, ...]:
    document = json.loads(files("search_spaces").joinpath("reported.json").read_text(encoding="utf-8"))
    return tuple(_experiment(row, tuple(document["labels"])) for row in document["experiments"])


def _experiment(row: Mapping[str, Any], labels: tuple[str, ...]) -> ReportedExperiment:
    matrix = row["confusion_matrix"]
    return ReportedExperiment(
        id=row["id"],
        family=row["family"],
        configuration={"family": row["family"], **row["configuration"]},
        metrics=ReportedMetrics(**row["metrics"]),
        confusion_matrix=None if matrix is None else tuple(tuple(counts) for counts in matrix),
        labels=labels,
        alternatives=tuple(Alternative(**alternative) for alternative in row["alternatives"]),
    )
