"""What a trained network makes of held-out images: its measures, and what a person wants to see of them."""

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
from sklearn.decomposition import PCA

from sweep.messages import Evaluation, Features, WorstConfusions
from sweep.metrics import confusion_matrix, cross_entropy
from sweep.trainer.batches import Batches, feed
from sweep.trainer.reporting import Reporter

BATCH_SIZE = 256  # images; larger ones measured no faster on processors
CONFUSIONS = 16  # images: four rows of four
POINTS = 1000  # images in the scatter: more hide each other


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What a network says of n images.

    Attributes:
        probabilities: (n, classes).
        features: (n, units), what its last layer sees.
    """

    probabilities: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


def with_features(model: keras.Model) -> keras.Model:
    """The same network with a second output: what its last layer sees."""
    return keras.Model(model.inputs, [model.outputs[0], model.layers[-1].input])


def predict(model: keras.Model, images: np.ndarray, reporter: Reporter) -> Predictions:
    """Run a float32 network over images once, for all that is asked of them.

    Args:
        model: What `with_features` made; maps (n, h, w, c) uint8 images to probabilities and features.
        images: (n, h, w, c) uint8.
        reporter: Sends signs of life and obeys a stop.
    """
    probabilities, features = model.predict(
        feed(Batches(images, batch_size=BATCH_SIZE)), callbacks=[reporter], verbose=0
    )
    return Predictions(probabilities=probabilities, features=features)


def measure(model: keras.Model, predictions: Predictions, labels: np.ndarray) -> Evaluation:
    """Compare predictions with the labels.

    Args:
        model: The network; its L2 penalty is part of the loss.
        predictions: Of n images.
        labels: (n,) class indices.
    """
    probabilities = predictions.probabilities
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    entropy = cross_entropy(probabilities, labels)
    penalty = sum(float(keras.ops.convert_to_numpy(loss)) for loss in model.losses)
    return Evaluation(
        confusion_matrix=tuple(tuple(int(count) for count in row) for row in matrix),
        cross_entropy=entropy,
        loss=entropy + penalty,
    )


def worst_confusions(predictions: Predictions, images: np.ndarray, labels: np.ndarray) -> WorstConfusions:
    """The wrong predictions that the network was most sure of, the surest first."""
    predicted = predictions.probabilities.argmax(axis=1)
    confidence = predictions.probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:CONFUSIONS]
    return WorstConfusions(
        images=images[worst],
        true=tuple(int(label) for label in labels[worst]),
        predicted=tuple(int(label) for label in predicted[worst]),
        confidence=tuple(float(share) for share in confidence[worst]),
    )


def project(predictions: Predictions, labels: np.ndarray) -> Features:
    """The features of the first images on their two principal axes; flat where there are not two."""
    features = predictions.features[:POINTS].astype(np.float64)
    points = np.zeros((len(features), 2))
    explained = 0.0
    if min(features.shape) >= 2 and np.isfinite(features).all() and np.ptp(features, axis=0).any():
        # The covariance of 768 units takes 0.4 s to decompose, however few images there are.
        solver = "full" if 2 * len(features) < features.shape[1] else "covariance_eigh"
        axes = PCA(n_components=2, svd_solver=solver).fit(features)
        points = axes.transform(features)
        explained = float(axes.explained_variance_ratio_.sum())
    return Features(
        points=points.astype(np.float32),
        true=tuple(int(label) for label in labels[:POINTS]),
        predicted=tuple(int(label) for label in predictions.probabilities[:POINTS].argmax(axis=1)),
        explained=explained,
    )
