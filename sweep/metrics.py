"""Figures of merit of a classifier, computed the way the report computes them."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

_EPSILON: Final = 1e-7  # keras.config.epsilon(): what Keras's losses clip probabilities to

Matrix = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What one confusion matrix says.

    Attributes:
        accuracy: Share of images whose class was predicted.
        precision: Mean of the classes' precisions (macro); a class never predicted counts 0.
        recall: Mean of the classes' recalls (macro); a class without images counts 0.
        f1: Mean of the classes' F1 (macro); a class neither there nor predicted counts 0.
        rmse: sqrt(mean((predicted index - true index)²)): the report's RMSE, over class indices.
    """

    accuracy: float
    precision: float
    recall: float
    f1: float
    rmse: float


def confusion_matrix(
    true: npt.NDArray[np.integer[Any]], predicted: npt.NDArray[np.integer[Any]], classes: int
) -> Matrix:
    """Count images by true and predicted class.

    Args:
        true: Class indices, shape (n,).
        predicted: Class indices, shape (n,).
        classes: Number of classes k.

    Returns:
        int64, shape (k, k); rows are the true classes, columns the predicted ones.

    Raises:
        ValueError: If the lengths differ or an index is not in 0…k-1.
    """
    if true.ndim != 1 or true.shape != predicted.shape:
        raise ValueError(
            "A confusion matrix needs one prediction per label. Expected two arrays of shape (n,). "
            f"Received: shapes {true.shape} and {predicted.shape}."
        )
    for name, indices in (("true", true), ("predicted", predicted)):
        if len(indices) and (indices.min() < 0 or indices.max() >= classes):
            raise ValueError(
                f"{name} holds indices of no class. Expected 0…{classes - 1}. "
                f"Received: {indices.min()}…{indices.max()}."
            )
    cells = true.astype(np.int64) * classes + predicted.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).astype(np.int64).reshape(classes, classes)


def scores(matrix: npt.NDArray[np.integer[Any]]) -> Scores:
    """Compute the scores of a confusion matrix.

    Args:
        matrix: Shape (k, k); rows are the true classes, columns the predicted ones.

    Raises:
        ValueError: If the matrix is not square or counts no image.
    """
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.sum() == 0:
        raise ValueError(
            "Scores need a confusion matrix. Expected shape (k, k) and at least one image. "
            f"Received: shape {matrix.shape}, {matrix.sum()} images."
        )
    images = matrix.sum()
    hits = np.diagonal(matrix)
    predicted, true = matrix.sum(axis=0), matrix.sum(axis=1)
    index = np.arange(len(matrix))
    squared_distance = (index[None, :] - index[:, None]) ** 2
    return Scores(
        accuracy=float(hits.sum() / images),
        precision=_macro(hits, predicted),
        recall=_macro(hits, true),
        f1=_macro(2 * hits, predicted + true),  # harmonic mean of hits/predicted and hits/true
        rmse=float(np.sqrt((matrix * squared_distance).sum() / images)),
    )


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """What a confusion matrix says of one class.

    Attributes:
        images: Images of the class.
        precision: Share of the images taken for it that are of it; 0 if none was taken for it.
        recall: Share of its images that were recognised; 0 if it has none.
        f1: Their harmonic mean.
        mistaken_for: Index of the class that most of its other images were taken for; None if there are none.
        mistaken: How many those are.
    """

    images: int
    precision: float
    recall: float
    f1: float
    mistaken_for: int | None
    mistaken: int


def class_scores(matrix: npt.NDArray[np.integer[Any]]) -> list[ClassScores]:
    """Compute the scores of each class.

    Args:
        matrix: Shape (k, k); rows are the true classes, columns the predicted ones.
    """
    hits, predicted, true = np.diagonal(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    wrong = matrix - np.diag(hits)
    worst = wrong.argmax(axis=1)
    return [
        ClassScores(
            images=int(true[index]),
            precision=float(hits[index] / max(predicted[index], 1)),
            recall=float(hits[index] / max(true[index], 1)),
            f1=float(2 * hits[index] / max(predicted[index] + true[index], 1)),
            mistaken_for=int(worst[index]) if wrong[index].any() else None,
            mistaken=int(wrong[index].max()),
        )
        for index in range(len(matrix))
    ]


def cross_entropy(probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]]) -> float:
    """Compute the mean sparse categorical cross-entropy in nats, without any penalty term.

    Args:
        probabilities: Shape (n, k); clipped to 1e-7…1-1e-7 as Keras does, so that a certain error stays
            finite.
        labels: True class indices, shape (n,).

    Raises:
        ValueError: If there are no images, or the shapes or indices do not fit together.
    """
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or len(labels) == 0:
        raise ValueError(
            "Cross-entropy needs a row of probabilities per label. "
            "Expected shapes (n, k) and (n,), n at least 1. "
            f"Received: {probabilities.shape} and {labels.shape}."
        )
    if labels.min() < 0 or labels.max() >= probabilities.shape[1]:
        raise ValueError(
            f"labels holds indices of no class. Expected 0…{probabilities.shape[1] - 1}. "
            f"Received: {labels.min()}…{labels.max()}."
        )
    of_truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(of_truth, _EPSILON, 1 - _EPSILON)).mean())


def _macro(hits: npt.NDArray[np.integer[Any]], of: npt.NDArray[np.integer[Any]]) -> float:
    """Mean of hits/of over the classes, where 0/0 counts 0."""
    return float((hits / np.maximum(of, 1)).mean())  # of is 0 only where hits is 0, too
