"""What metrics.json says of one part of the data, and whether it is what the study says."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweep.errors import WorldError
from sweep.identity import Identity
from sweep.metrics import class_scores, scores

ROUNDING = 1e-6  # of an accuracy that is kept beside its matrix
PREFIXES = {"validation": "val_", "test": "test_"}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A network on one part of the data.

    Attributes:
        confusion_matrix: Images by true class (rows) and predicted class (columns).
        cross_entropy: Mean, natural logarithm.
        loss: Cross-entropy plus the L2 penalty.
    """

    confusion_matrix: Sequence[Sequence[int]]
    cross_entropy: float
    loss: float

    @property
    def accuracy(self) -> float:
        """Share of images whose class was predicted."""
        return scores(np.asarray(self.confusion_matrix)).accuracy

    @property
    def images(self) -> int:
        """How many were measured."""
        return sum(map(sum, self.confusion_matrix))


def measured_by_trial(attributes: Mapping[str, Any], part: str) -> Measured | None:
    """What a trial measured of one part of the data; None if it did not.

    Args:
        attributes: Its user attributes.
        part: `validation` or `test`.

    Raises:
        WorldError: If the accuracy is not that of the matrix beside it: someone changed one of them.
    """
    prefix = PREFIXES[part]
    values: dict[str, Any] = {
        name: attributes.get(f"{prefix}{name}") for name in ("confusion_matrix", "cross_entropy", "loss")
    }
    if None in values.values():
        return None
    known = Measured(**values)
    stored = float(attributes[f"{prefix}accuracy"])
    if not math.isclose(stored, known.accuracy, abs_tol=ROUNDING):
        raise WorldError(
            f"The study contradicts itself: its {part} accuracy is {stored:.6f}, by its confusion matrix "
            f"{known.accuracy:.6f}. Nothing is exported; choose another trial with --trial."
        )
    return known


def data_document(part: str, *, identity: Identity, seed: int) -> dict[str, Any]:
    """Which images a part of metrics.json is about; arguments as for `part_document`."""
    return {
        "dataset": identity.dataset,
        "sha256": identity.dataset_sha256,
        "part": part,
        "seed": seed,
        "limit": identity.limit,
    }


def part_document(measured: Measured, *, part: str, identity: Identity, seed: int) -> dict[str, Any]:
    """One part of metrics.json.

    Args:
        measured: The figures.
        part: `validation` or `test`.
        identity: The study's: data set, its hash, limit, labels.
        seed: Of the validation split.
    """
    matrix = np.asarray(measured.confusion_matrix)
    of_matrix, labels = scores(matrix), identity.labels
    return {
        "data": data_document(part, identity=identity, seed=seed),
        "images": measured.images,
        "accuracy": of_matrix.accuracy,
        "loss": measured.loss,
        "cross_entropy": measured.cross_entropy,
        "precision": of_matrix.precision,
        "recall": of_matrix.recall,
        "f1": of_matrix.f1,
        "rmse": of_matrix.rmse,
        "per_class": [
            {
                "label": label,
                "images": each.images,
                "precision": each.precision,
                "recall": each.recall,
                "f1": each.f1,
                "mistaken_for": None if each.mistaken_for is None else labels[each.mistaken_for],
                "mistaken": each.mistaken,
            }
            for label, each in zip(labels, class_scores(matrix), strict=True)
        ],
        "confusion_matrix": matrix.tolist(),
    }


def refuse_other_figures(known: Measured, found: Measured, *, part: str, near_ties: int, tolerance: float) -> None:
    """Refuse a rebuilt network that is not the one that the study measured.

    Args:
        known: What the study says.
        found: What the rebuilt network gives.
        part: `validation` or `test`.
        near_ties: Images whose two best probabilities are so close that rounding may decide between them.
        tolerance: Of the cross-entropy, relative.

    Raises:
        WorldError: If they differ by more than rounding; the message says both.
    """
    difference = np.abs(np.asarray(known.confusion_matrix) - np.asarray(found.confusion_matrix)).sum()
    if difference <= 2 * near_ties and math.isclose(
        known.cross_entropy, found.cross_entropy, rel_tol=tolerance, abs_tol=tolerance
    ):
        return
    raise WorldError(
        f"The rebuilt network is not the one that was measured. {part} accuracy: the study says "
        f"{known.accuracy:.4f}, the network gives {found.accuracy:.4f}; cross-entropy {known.cross_entropy:.4f} "
        f"against {found.cross_entropy:.4f}. Its weights may be another trial's, or other library versions compute "
        "otherwise. Nothing is exported; choose another trial with --trial."
    )
