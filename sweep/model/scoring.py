"""Comparing what metrics.json says of a part of the data with what is measured again."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sweep.metrics import class_scores, confusion_matrix, cross_entropy, scores

NEAR_TIE: Final = 1e-3  # between the two best probabilities: rounding may decide which is the better one
RELATIVE: Final = 1e-4  # of a cross-entropy
_SMALLEST: Final = 1e-6  # absolute, where the cross-entropy itself is nearly nothing
_SAME: Final = 1e-9  # figures computed twice from the same counts


def near_ties(probabilities: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which images have two best probabilities that rounding may put in another order; shape (n,)."""
    best = np.sort(probabilities, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0] < NEAR_TIE)


def compare_part(
    name: str,
    recorded: Mapping[str, Any],
    *,
    probabilities: npt.NDArray[np.float32],
    truth: npt.NDArray[np.int64],
    labels: Sequence[str],
    penalty: float,
    is_first: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Measure one part again and say what differs beyond rounding.

    Args:
        name: "validation" or "test".
        recorded: That part of metrics.json.
        probabilities: Shape (n, k), as the model gives them now.
        truth: Class indices, shape (n,).
        labels: The classes' names.
        penalty: The model's L2 penalty, which `loss` has beside the cross-entropy.
        is_first: Whether nothing was recorded yet to compare with. Default: False.

    Returns:
        The new figures, as `sweep.model.verifying.PartScore` holds them, and complaints for people.
    """
    matrix = confusion_matrix(truth, probabilities.argmax(axis=1), len(labels))
    entropy = cross_entropy(probabilities, truth)
    ties = near_ties(probabilities)
    accuracy = float(np.trace(matrix) / len(truth))
    found = {
        "images": len(truth),
        "accuracy": accuracy,
        "cross_entropy": entropy,
        "near_ties": int(ties.sum()),
        "loss": entropy + penalty,
        "confusion_matrix": matrix.tolist(),
    }
    if is_first:
        return found, []
    before = np.asarray(recorded["confusion_matrix"], dtype=np.int64)
    if before.shape != matrix.shape or before.sum() != len(truth) or recorded["images"] != len(truth):
        return found, [f"{name}: metrics.json counts {before.sum()} images, and the data set has {len(truth)}"]
    complaints = []
    moved = np.abs(matrix - before).sum(axis=1) / 2  # an image that changes its column counts in both
    allowed = np.bincount(truth[ties], minlength=len(labels))
    if (matrix.sum(axis=1) != before.sum(axis=1)).any() or (moved > allowed).any():
        complaints.append(
            f"{name}: {int(np.ceil(moved.sum()))} of {len(truth)} images are taken for another class than metrics.json "
            f"says (accuracy {accuracy:.4f} against {recorded['accuracy']:.4f}; "
            f"{int(ties.sum())} near ties may differ)"
        )
    for key, now in (("cross_entropy", entropy), ("loss", entropy + penalty)):
        if not np.isclose(now, recorded[key], rtol=RELATIVE, atol=_SMALLEST):
            complaints.append(f"{name}: {key} is {now:.6f}, but metrics.json says {recorded[key]:.6f}")
    return found, complaints + _contradictions(name, recorded, before, labels)


def _contradictions(
    name: str, recorded: Mapping[str, Any], matrix: npt.NDArray[np.int64], labels: Sequence[str]
) -> list[str]:
    """Figures of metrics.json that do not follow from its own confusion matrix."""
    wrong = [key for key, value in asdict(scores(matrix)).items() if not np.isclose(recorded[key], value, atol=_SAME)]
    for label, row, expected in zip(labels, recorded["per_class"], class_scores(matrix), strict=True):
        figures = asdict(expected)
        mistaken_for = figures.pop("mistaken_for")
        named = None if mistaken_for is None else labels[mistaken_for]
        fits = row["label"] == label and row["mistaken_for"] == named
        if not fits or not all(np.isclose(row[key], value, atol=_SAME) for key, value in figures.items()):
            wrong.append(f"per_class of {label}")
    return [f"{name}: metrics.json contradicts its own confusion matrix in {', '.join(wrong)}"] if wrong else []
