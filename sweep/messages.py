"""What a worker and its trainers say to each other: plain values over a pipe, no database in them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search_spaces.plan import LayerPlan
from sweep.data.dataset import DataReference
from sweep.disk_limit import DiskLimit
from sweep.failures import FailureKind
from sweep.recipe import Training

# An epoch's measures as a study keeps them, by column.
HISTORY_COLUMNS = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A trial of another study that was trained as a job asks: its weights are measured instead.

    Attributes:
        weights: File of its best epoch's weights.
        best_epoch: Which that was.
        history: Its epochs.
        train_seconds, images_per_second, dtype_policy: See `Result`.
    """

    weights: Path
    best_epoch: int
    history: tuple["EpochEnd", ...] = field(repr=False)
    train_seconds: float
    images_per_second: float | None
    dtype_policy: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """One trial for a trainer.

    Attributes:
        trial: The trial's number, repeated in every answer.
        plan: The network.
        data: Where the trainer finds the images.
        seed: Of weights, image order, dropout and the validation split.
        limit: Images per part, or None for all.
        epochs: At most so many.
        patience: See `Recipe`.
        batch_size: Images in a training step.
        precision: `auto` or a Keras dtype policy.
        deterministic: Whether the same machine must give the same weights again.
        backbone_weights: File of the frozen backbone's weights, or None for random ones.
        evaluate_test: Whether the test images are measured too: for baselines and confirmations only.
        checkpoint: File of this attempt's checkpoint.
        resume_from: Checkpoint of the attempt before, or None to begin at the first epoch.
        weights: File that the best epoch's weights go into.
        features: Folder for what frozen backbones make of images, or None to keep that in memory. Default: None.
        disk_limit: What these files count against, or None. Default: None.
        trained: What was trained already, to be measured only; None trains. Default: None.
        full: Whether validation images are trained on too: all epochs then, and only test images are measured.
            Default: False.
        training: How it is trained. Default: as the report's.
        max_latency: Most seconds for one image, measured before training; None does not measure. Default: None.
    """

    trial: int
    plan: LayerPlan
    data: DataReference
    seed: int
    limit: int | None
    epochs: int
    patience: int | None
    batch_size: int
    precision: str
    deterministic: bool
    backbone_weights: Path | None
    evaluate_test: bool
    checkpoint: Path
    resume_from: Path | None
    weights: Path
    features: Path | None = None
    disk_limit: DiskLimit | None = None
    trained: Trained | None = None
    full: bool = False
    training: Training = field(default_factory=Training)
    max_latency: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """End the trial at the next batch, of training or of evaluation."""

    trial: int


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Keras is imported; the trainer takes jobs."""

    backend: str
    device: str


@dataclass(frozen=True, kw_only=True)
class Begun:
    """The trainer begins with the trial.

    Attributes:
        dtype_policy: Keras's, that it trains in.
        latency_seconds: For one image, if it was measured. Default: None.
    """

    trial: int
    dtype_policy: str
    latency_seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """A sign of life within an epoch, at most twice a second.

    Attributes:
        epoch: The epoch under way, from 1; None while the best weights are evaluated or features are computed.
        fraction: Share of its batches done, 0 to 1.
        images_per_second: Speed of training, or of computing features; None before it is known.
        features_of: The backbone whose features are computed, or awaited from another process; None otherwise.
    """

    trial: int
    epoch: int | None
    fraction: float
    images_per_second: float | None
    features_of: str | None = None


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The trial goes on from a checkpoint, or says why it cannot.

    Attributes:
        history: The epochs that are done; empty if it begins again.
        problem: Why the checkpoint is of no use, or None.
    """

    trial: int
    history: tuple["EpochEnd", ...]
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class EpochEnd:
    """One epoch's measures, in the precision of training; `epoch` counts from 1.

    Without validation images `val_loss` and `val_accuracy` are NaN.
    """

    trial: int
    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The best epoch's network on held-out images, in float32.

    Attributes:
        confusion_matrix: Images by true class (rows) and predicted class (columns).
        cross_entropy: Mean, natural logarithm.
        loss: Cross-entropy plus the L2 penalty, as Keras's `evaluate` returns it.
    """

    confusion_matrix: tuple[tuple[int, ...], ...]
    cross_entropy: float
    loss: float


@dataclass(frozen=True, kw_only=True, eq=False)
class WorstConfusions:
    """The k wrong predictions that a network was most sure of, the surest first.

    Attributes:
        images: (k, h, w, c) uint8.
        true: Their classes, as indices.
        predicted: What they were taken for.
        confidence: The probability given to that, 0 to 1.
    """

    images: npt.NDArray[np.uint8]
    true: tuple[int, ...]
    predicted: tuple[int, ...]
    confidence: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """What a network's last layer sees of n images, on the two principal axes.

    Attributes:
        points: (n, 2) float32.
        true: Their classes, as indices.
        predicted: What they were taken for.
        explained: Share of the variance that lies on these axes, 0 to 1.
    """

    points: npt.NDArray[np.float32]
    true: tuple[int, ...]
    predicted: tuple[int, ...]
    explained: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """A trial trained to its end.

    Attributes:
        weights_kept: False where the disk took no more.
        taken_over: Whether it was measured only, see `Job.trained`.
        features_seconds: What the features of a frozen backbone cost this trial, 0 where all were there; None without
            a backbone.
        features_images: Images whose features were computed for it.
        test_classes: (2, n), true and predicted class of each test image; None where they were not measured.
        confusions: Of validation images, like `features`. Default: None, where a trainer has no pictures to show.
    """

    trial: int
    best_epoch: int
    validation: Evaluation
    test: Evaluation | None
    train_seconds: float
    images_per_second: float | None
    dtype_policy: str
    weights_kept: bool = True
    taken_over: bool = False
    features_seconds: float | None = None
    features_images: int = 0
    history: tuple[EpochEnd, ...] = field(repr=False)
    confusions: WorstConfusions | None = field(default=None, repr=False)
    features: Features | None = field(default=None, repr=False)
    test_classes: npt.NDArray[np.integer[Any]] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class FullResult:
    """A network trained on training and validation images, for as many epochs as the job says.

    Attributes:
        backend, device: See `Ready`.

    The others: see `Result`.
    """

    trial: int
    backend: str
    device: str
    test: Evaluation
    train_seconds: float
    images_per_second: float | None
    dtype_policy: str
    history: tuple[EpochEnd, ...] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The trainer obeyed a `Stop`."""

    trial: int


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The trial cannot be trained; the trainer lives on."""

    trial: int
    kind: FailureKind
    message: str


Answer = Ready | Begun | Progress | Resumed | EpochEnd | Result | FullResult | Stopped | Failure
