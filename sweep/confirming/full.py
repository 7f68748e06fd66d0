"""The final model: a confirmed configuration trained on training and validation images together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna

from search_spaces import Configuration
from search_spaces.plan import LayerPlan
from storage import Store
from storage.artifacts import record_of_study
from storage.errors import PlaceError
from sweep.confirming.results import Confirmation
from sweep.environment import git_commit, host_name, versions
from sweep.errors import WorldError
from sweep.identity import Identity
from sweep.messages import FullResult, Job
from sweep.recipe import training_of
from sweep.trial_files import TrialFiles
from sweep.worker.ledger import measures
from sweep.worker.once import train_once

FLOAT32_BYTES = 4
PREFIX = "full."  # of study attributes, one for each full model
FILENAME = "full.weights.npz"
ORDER = 0  # among the study's artifacts


@dataclass(frozen=True, kw_only=True)
class FullModel:
    """A model that was trained on all images but the test images.

    Attributes:
        trial: The finalist, by its number in the study that is confirmed.
        baseline: The reported experiment it is, or None.
        config: Its configuration.
        seed, epochs: What it was trained with.
        artifact_id: Of its weights, among the artifacts of the confirming study.
        measured: The rest: measures of the test images, seconds, versions, host.
    """

    trial: int
    baseline: str | None
    config: dict[str, Any]
    seed: int
    epochs: int
    artifact_id: str
    measured: dict[str, Any]


def find_full(study: optuna.Study, found: Sequence[Confirmation]) -> FullModel | None:
    """The newest full model of the network that ranks first; else the newest of any, which is outdated; else None.

    Args:
        study: The confirming study.
        found: What it confirmed, the best first.
    """
    keys = sorted((key for key in study.user_attrs if key.startswith(PREFIX)), reverse=True)
    models = [FullModel(**study.user_attrs[key]) for key in keys]
    return next((model for model in models if not is_outdated(model, found)), models[0] if models else None)


def is_outdated(model: FullModel, found: Sequence[Confirmation]) -> bool:
    """Whether another network than the full model's ranks first now."""
    return bool(found) and model.trial != found[0].trial


def epochs_of(confirmation: Confirmation, configuration: Configuration, identity: Identity) -> int:
    """How long a finalist is trained on all images: the median of its seeds' best epochs.

    A learning rate that falls until the last epoch has that one's: all others were trained at higher rates only.
    """
    return confirmation.epochs if training_of(configuration).schedule == "constant" else identity.epochs


def is_full_model_of(model: FullModel | None, wanted: Confirmation, epochs: int, identity: Identity) -> bool:
    """Whether it is what training that finalist now, for so many epochs, would give."""
    return model is not None and (model.trial, model.epochs, model.seed) == (wanted.trial, epochs, identity.seed)


def train_full(
    store: Store,
    study: optuna.Study,
    confirmation: Confirmation,
    *,
    make_job: "Callable[[Path, Path, Path | None], Job]",
    files: TrialFiles,
    logs: Path,
    note: Callable[[str], None],
) -> FullModel:
    """Train a confirmed finalist on all images, and keep the model as an artifact of the confirming study.

    Args:
        store: The store, open for writing.
        study: The confirming study.
        confirmation: The finalist.
        make_job: Its job, from the files for weights and checkpoint and that of an interrupted training, or None.
        files: Of the confirming study.
        logs: Folder for what the trainer prints.
        note: Says one line.

    Raises:
        WorldError: If --max-disk has no room for the model, or the training fails.
        StoppedBySignalError: If it was told to stop; the same call goes on.
    """
    weights, checkpoint = files.named_weights("full"), files.named_checkpoint("full")
    before = files.named_checkpoint("full-before")
    if checkpoint.exists():
        checkpoint.replace(before)
    job = make_job(weights, checkpoint, before if before.exists() else None)
    if job.disk_limit is not None:
        try:  # before what may take hours, not after
            job.disk_limit.refuse_what_does_not_fit(weights, FLOAT32_BYTES * job.plan.parameters, going=())
        except OSError as error:
            raise WorldError(f"There is no room for the full model: {error}. Raise --max-disk.") from error
    result = train_once(job, logs=logs, note=note)
    if not isinstance(result, FullResult):
        raise TypeError(f"Expected the result of a full training. Received: {type(result).__name__}")
    if not weights.exists():
        raise WorldError(f"The weights could not be written; what the disk said is in {logs}.")
    facts: dict[str, Any] = {
        "trial": confirmation.trial,
        "baseline": confirmation.baseline,
        "config": confirmation.config,
        "seed": job.seed,
        "epochs": job.epochs,
        "measured": measures("test_", result.test) | _facts(result, job.plan),
    }
    content = weights.read_bytes()
    with store.lock(study.study_name):  # one file of the study is under way at a time
        record = files.artifacts.write_of_study(study, ORDER, FILENAME, "application/octet-stream", content)
        if files.shared is not None:
            try:
                files.shared.copy(files.artifacts.path(record.artifact_id))
            except PlaceError as error:  # the model took hours; it is whole in this home
                note(f"not copied to {files.shared}, which a worker from this home will make up for: {error}")
        record_of_study(study, record)
        order = sum(key.startswith(PREFIX) for key in store.load(study.study_name).user_attrs)
        study.set_user_attr(f"{PREFIX}{order:03}", facts | {"artifact_id": record.artifact_id})
    for path in (weights, checkpoint, before):
        path.unlink(missing_ok=True)
    return FullModel(**facts, artifact_id=record.artifact_id)


def _facts(result: FullResult, plan: LayerPlan) -> dict[str, Any]:
    return {
        "train_seconds": result.train_seconds,
        "images_per_second": result.images_per_second,
        "dtype_policy": result.dtype_policy,
        "backend": result.backend,
        "device": result.device,
        "parameters": plan.parameters,
        "trainable_parameters": plan.trainable_parameters,
        "forward_macs": plan.forward_macs,
        "versions": versions(),
        "git_commit": git_commit(),
        "host": host_name(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
