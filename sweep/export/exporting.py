"""From a study to a folder that has proved itself: the steps in order. No Keras here: a builder has it."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna

from sweep.backbone_weights import find_weights
from sweep.data.dataset import FASHION_MNIST, DataReference
from sweep.environment import gpu_ids, host_name
from sweep.errors import UsageError, WorldError
from sweep.export.builder import run_builder
from sweep.export.candidate import Candidate
from sweep.export.data import load_same, moved
from sweep.export.documents import write_documents, write_terms
from sweep.export.folder import draft_of, put_into_place
from sweep.export.measures import Measured, measured_by_trial
from sweep.export.specification import Specification
from sweep.model.manifest import write_manifest
from sweep.model.verifying import ProofError, prove
from sweep.standing import LOOK_PREFIX


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is exported, and with what.

    Attributes:
        out: The folder.
        formats: Besides model.keras and saved_model/: of `sweep.export.packages.PACKAGES`.
        force: Whether an exported model there is replaced.
        retrain: Whether a model without weights is trained again.
        home: The home.
        dataset: Where the study's images are now; None: where they were when it was made.
        data_dir: Folder with Fashion-MNIST's files, or None for the usual places.
        weights: Where backbones' weights are; None: as the study has them.
    """

    out: Path
    formats: tuple[str, ...]
    force: bool
    retrain: bool
    home: Path
    dataset: str | None
    data_dir: Path | None
    weights: str | None


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A folder that is in its place.

    Attributes:
        bytes: Size of all its files.
        metrics: What metrics.json holds.
    """

    bytes: int
    metrics: dict[str, Any]


def export_model(
    candidate: Candidate, request: Request, *, note: Callable[[str], None], looked: Callable[[], None]
) -> Exported:
    """Write a model's folder, have it prove itself, and give it its name.

    Args:
        candidate: The model; its weights are there, unless it is trained again.
        request: Where to, and with what.
        note: Told of each step that is done.
        looked: Called once the test images were looked at.

    Raises:
        WorldError: If it cannot be built, or what was built is not what the study measured; nothing is left then.
    """
    candidate = moved(candidate, request.dataset)
    data = _data(candidate, request)
    backbone = _backbone_weights(candidate, request)
    known = _known(candidate)
    before: dict[str, Measured] | None = None
    with draft_of(request.out) as draft, draft_of(request.out.with_name(f"{request.out.name}.training")) as training:
        if not candidate.weights.is_file():
            # The builder says it too, but only once all was trained.
            load_same(data, sha256=candidate.identity.dataset_sha256, labels=candidate.identity.labels)
            note("training it again: its weights were not kept")
            before = known
            candidate, known = _train_again(candidate, data, backbone, training, note)
        facts = run_builder(_specification(candidate, request, draft, data, backbone, known), note)
        parts = {name: Measured(**part) for name, part in facts["parts"].items()}
        preprocessing = facts["preprocessing"]
        write_terms(draft, candidate, known=parts, preprocessing=preprocessing, retrained=before is not None)
        looked()
        parts = _proved(draft, request, data, parts)
        note("proved in a fresh process: every format, and the full score")
        metrics = write_documents(
            draft, candidate, parts=parts, preprocessing=preprocessing, formats=request.formats, before=before
        )
        write_manifest(draft)
        put_into_place(draft, request.out, force=request.force)
    size = sum(path.stat().st_size for path in request.out.expanduser().rglob("*") if path.is_file())
    return Exported(bytes=size, metrics=metrics)


def _proved(draft: Path, request: Request, data: DataReference, known: dict[str, Measured]) -> dict[str, Measured]:
    """Have the folder prove itself; returns its figures by part, those that were not known measured by the proof.

    Raises:
        WorldError: If it does not do what the study says.
    """
    try:
        proof = prove(draft, data=data, data_required=True, measure_missing=True)
    except ProofError as error:
        told = str(error).replace(str(draft), str(request.out))
        raise WorldError(f"The model did not prove itself; nothing was exported. {told}") from error
    measured = {
        name: Measured(confusion_matrix=part.confusion_matrix, cross_entropy=part.cross_entropy, loss=part.loss)
        for name, part in (proof.score or {}).items()
    }
    return measured | known


def record_look(study: optuna.Study, candidate: Candidate) -> None:
    """Record that the test images were looked at: an attribute of its own, never rewritten."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    event = {"by": "export", "trial": candidate.trial, "at": at, "host": host_name()}
    study.set_user_attr(f"{LOOK_PREFIX}{uuid.uuid4()}", event)


def timed(note: Callable[[str], None]) -> Callable[[str], None]:
    """Say each step with the seconds since the first."""
    begun = time.monotonic()
    return lambda step: note(f"{time.monotonic() - begun:6.1f} s  {step}")


def _data(candidate: Candidate, request: Request) -> DataReference:
    identity = candidate.identity
    if request.data_dir is not None and identity.dataset != FASHION_MNIST:
        raise UsageError(f"--data-dir is for Fashion-MNIST's files; {identity.dataset} names its own place.")
    return DataReference(
        name=identity.dataset,
        data_dir=request.data_dir,
        cache_dir=request.home / "cache",
        image_size=identity.image_size,
        color=identity.color,
    )


def _backbone_weights(candidate: Candidate, request: Request) -> Path | None:
    """The file of the backbone's weights; None for random ones, or without a backbone."""
    backbone, kept = candidate.plan.backbone, candidate.identity.weights
    if backbone is None:
        return None
    if kept == "none":
        if request.weights not in (None, "none"):
            raise UsageError(
                f"The study's backbones are random ones (--weights none). Received: --weights {request.weights}. "
                "Leave the option out."
            )
        backend = candidate.measured.get("backend", "tensorflow")
        if backend != "tensorflow":
            raise WorldError(
                f"The random backbone of {candidate.name} was drawn by {backend}, and TensorFlow draws another one: "
                "it cannot be rebuilt. Train such networks with KERAS_BACKEND=tensorflow, or with --weights imagenet."
            )
        return None
    if request.weights is None and kept not in (None, "imagenet"):
        raise UsageError(
            f"The backbone's weights came from a folder of files ({kept}). Name that folder with --weights."
        )
    return find_weights(request.weights or "imagenet", [backbone])[backbone].path


def _known(candidate: Candidate) -> dict[str, Measured]:
    found = {part: measured_by_trial(candidate.measured, part) for part in ("validation", "test")}
    return {part: measured for part, measured in found.items() if measured is not None}


def _specification(
    candidate: Candidate,
    request: Request,
    draft: Path,
    data: DataReference,
    backbone: Path | None,
    known: dict[str, Measured],
) -> Specification:
    identity = candidate.identity
    return Specification(
        folder=draft,
        formats=request.formats,
        part=candidate.part,
        family=identity.family,
        without=identity.without,
        recipe=identity.recipe,
        mirrored=identity.mirrored,
        config=candidate.config,
        labels=identity.labels,
        image_shape=identity.image_shape,
        seed=candidate.seed,
        limit=identity.limit,
        weights=candidate.weights,
        backbone_weights=backbone,
        dataset=data.name,
        data_dir=data.data_dir,
        cache_dir=data.cache_dir,
        image_size=data.image_size,
        color=data.color,
        dataset_sha256=identity.dataset_sha256,
        known=known,
        known_exactly=candidate.measured.get("device") == "cpu",
    )


def _train_again(
    candidate: Candidate, data: DataReference, backbone: Path | None, folder: Path, note: Callable[[str], None]
) -> tuple[Candidate, dict[str, Measured]]:
    """Train the configuration once more, with its seed and recipe and outside of the study.

    Returns:
        The candidate with the new weights, and the new figures by part of the data.
    """
    from sweep.messages import FullResult, Job
    from sweep.recipe import batch_size_of, training_of
    from sweep.worker.once import train_once

    identity = candidate.identity
    weights = folder / "trained.weights.npz"
    job = Job(
        trial=candidate.trial or 0,
        plan=candidate.plan,
        data=data,
        seed=candidate.seed,
        limit=identity.limit,
        epochs=candidate.measured["best_epoch"] if candidate.part == "full" else identity.epochs,
        patience=identity.patience,
        batch_size=batch_size_of(candidate.configuration, identity.batch_size),
        precision=candidate.measured.get("dtype_policy") or "auto",
        deterministic=False,
        backbone_weights=backbone,
        evaluate_test=True,
        checkpoint=folder / "checkpoint.npz",
        resume_from=None,
        weights=weights,
        full=candidate.part == "full",
        training=training_of(candidate.configuration),
    )
    result = train_once(job, logs=folder, note=note)
    if not weights.is_file():
        raise WorldError("The new weights could not be written: the disk may be full. Nothing was exported.")
    found = (
        {"test": result.test}
        if isinstance(result, FullResult)
        else {"validation": result.validation, "test": result.test}
    )
    measured = dict(candidate.measured) | {
        "dtype_policy": result.dtype_policy,
        "device": "gpu" if gpu_ids() else "cpu",
    }
    if not isinstance(result, FullResult):
        measured["best_epoch"] = result.best_epoch
    known = {
        part: Measured(confusion_matrix=each.confusion_matrix, cross_entropy=each.cross_entropy, loss=each.loss)
        for part, each in found.items()
        if each is not None
    }
    return replace(candidate, weights=weights, measured=measured), known
