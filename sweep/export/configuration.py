"""A trial's configuration as a JSON file that `sweep enqueue --file` takes back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.errors import UsageError, WorldError
from sweep.identity import Identity, read_identity

SCHEMA_VERSION = 1


def choose_trial(study: optuna.Study, number: int | None) -> FrozenTrial:
    """The trial of that number, or the best one; it must be complete.

    Raises:
        UsageError: If there is no such trial, or it is not complete.
    """
    trials = study.get_trials(deepcopy=False)
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.value is not None]
    if number is None:
        if not complete:
            raise UsageError(f"Study '{study.study_name}' has no complete trial yet; there is nothing to export.")
        return max(complete, key=lambda trial: (trial.value, -trial.number))
    if number >= len(trials):
        raise UsageError(f"Study '{study.study_name}' has no trial {number}. It has {len(trials)} trials.")
    if trials[number].state is not TrialState.COMPLETE:
        finished = ", ".join(str(trial.number) for trial in complete) or "none"
        raise UsageError(
            f"Trial {number} is {trials[number].state.name}; only complete trials can be exported: {finished}."
        )
    return trials[number]


def configuration_document(study: optuna.Study, trial: FrozenTrial) -> dict[str, Any]:
    """Everything needed to train a trial's network again, and what it measured.

    Raises:
        UsageError: If the study was not made by sweep.
    """
    identity = read_identity(study)
    if identity is None:
        raise UsageError(f"Study '{study.study_name}' was not made by sweep.")
    return document_of(study.study_name, identity, trial.number, trial.user_attrs)


def document_of(
    study_name: str, identity: Identity, number: int | None, attributes: Mapping[str, Any]
) -> dict[str, Any]:
    """Likewise for a model that is no trial, whose number is None."""
    measured = {name: value for name, value in sorted(attributes.items()) if name.startswith(("val_", "test_"))}
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study_name,
        "trial": number,
        "config": attributes["config"],
        "recipe": {
            "name": identity.recipe,
            "epochs": identity.epochs,
            "patience": identity.patience,
            "batch_size": identity.batch_size,
            "seed": attributes.get("seed", identity.seed),
            "dtype_policy": attributes.get("dtype_policy"),
            "best_epoch": attributes.get("best_epoch"),
        },
        "data": {
            "dataset": identity.dataset,
            "sha256": identity.dataset_sha256,
            "labels": list(identity.labels),
            "image_shape": list(identity.image_shape),
            "validation_fraction": identity.validation_fraction,
            "limit": identity.limit,
        },
        "quick_look": identity.quick_look,
        "weights": identity.weights,
        "metrics": measured,
        "cost": {name: attributes.get(name) for name in ("parameters", "trainable_parameters", "forward_macs")},
        "versions": attributes.get("versions"),
        "git_commit": attributes.get("git_commit"),
    }


def read_configuration(path: Path) -> Mapping[str, object]:
    """The configuration in an exported file, or in a file that holds nothing else.

    Raises:
        WorldError: If the file cannot be read.
        UsageError: If it is not such a file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise WorldError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not a text file: {error}") from error
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise UsageError(f"{path} must hold one JSON object. Received: {type(document).__name__}")
    if "config" not in document:
        return document
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise UsageError(f"{path} has schema version {version!r}. This version of sweep reads {SCHEMA_VERSION}.")
    config = document["config"]
    if not isinstance(config, dict):
        raise UsageError(f"'config' in {path} must be an object. Received: {type(config).__name__}")
    return config
