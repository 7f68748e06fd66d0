"""What a worker is given, and what it comes back with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna

from search_spaces import Configuration, SearchSpace
from search_spaces.plan import LayerPlan
from storage import Store
from sweep.data.dataset import DataReference
from sweep.disk_limit import DiskLimit
from sweep.identity import Identity
from sweep.messages import HISTORY_COLUMNS, EpochEnd, Job, Trained
from sweep.recipe import batch_size_of, training_of
from sweep.standing import End
from sweep.trial_files import TrialFiles

TAKEN_OVER = ("best_epoch", "train_seconds", "images_per_second", "dtype_policy")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What this host works on, and with what.

    Attributes:
        deadline: When this run ends, in seconds of the monotonic clock, or None.
        backbone_weights: Weights file of each backbone; empty for random ones.
        files: Where trials keep checkpoints, weights and artifacts.
        confirmed: Those of the study that this one confirms, or None.
        features: Folder of what frozen backbones make of images; all studies of the store share it.
        disk_limit: What the files of this host's home may take, or None.
        logs: Folder of the trainers' logs.
        marks: Folder where this host's workers show that they live.
    """

    store: Store
    study: optuna.Study
    space: SearchSpace
    identity: Identity
    data: DataReference
    backbone_weights: dict[str, Path]
    precision: str
    deterministic: bool
    deadline: float | None
    slots: int | None
    files: TrialFiles
    confirmed: TrialFiles | None
    features: Path
    disk_limit: DiskLimit | None
    logs: Path
    marks: Path


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """Why a worker left: a rule of the study, or a signal.

    Attributes:
        told: Whether the study knows; False where the store did not answer in time.
    """

    reason: End
    signal: int | None = None
    told: bool = False


def job_of(
    on: Assignment,
    number: int,
    configuration: Configuration,
    plan: LayerPlan,
    attributes: Mapping[str, Any],
    before: Sequence[int] = (),
) -> Job:
    """What a trainer is told of a trial.

    Args:
        on: The study and the means.
        number: The trial's number.
        configuration: Its configuration.
        plan: Its network.
        attributes: Its user attributes: a reported experiment is measured on test images.
        before: The attempts before it, the newest first: a retry goes on from the first of them that left a checkpoint
            here. Default: none.
    """
    identity, files = on.identity, on.files
    checkpoints = [files.checkpoint(each) for each in before]
    return Job(
        trial=number,
        plan=plan,
        data=on.data,
        seed=attributes.get("seed", identity.seed),
        limit=identity.limit,
        epochs=identity.epochs,
        patience=identity.patience,
        batch_size=batch_size_of(configuration, identity.batch_size),
        precision=on.precision,
        deterministic=on.deterministic,
        backbone_weights=on.backbone_weights.get(plan.backbone or ""),
        evaluate_test=bool({"baseline", "confirms"} & attributes.keys()),
        checkpoint=files.checkpoint(number),
        resume_from=next((path for path in checkpoints if path.exists()), checkpoints[0] if checkpoints else None),
        weights=files.weights(number),
        features=on.features,
        disk_limit=on.disk_limit,
        trained=_trained(on, number, attributes),
        training=training_of(configuration),
        # What the attempt before was measured at counts for this one, and a confirmed network was measured as well.
        max_latency=None if {"confirms", "latency_seconds"} & attributes.keys() else identity.max_latency,
    )


def _trained(on: Assignment, number: int, attributes: Mapping[str, Any]) -> Trained | None:
    """What a confirmation takes over from the study it confirms, where this host has the weights."""
    source = attributes.get("takes_over")
    if source is None or on.confirmed is None or not on.confirmed.weights(source["trial"]).exists():
        return None
    columns = source["history"]
    rows = zip(*(columns[name] for name in HISTORY_COLUMNS), strict=True)
    return Trained(
        weights=on.confirmed.weights(source["trial"]),
        history=tuple(EpochEnd(trial=number, **dict(zip(HISTORY_COLUMNS, row, strict=True))) for row in rows),
        **{name: source[name] for name in TAKEN_OVER},
    )
