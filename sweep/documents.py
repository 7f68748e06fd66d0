"""Studies and trials as plain documents: what `--json` prints and the tables show."""

import json
import math
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import ConfigurationError, SearchSpace
from sweep.budget import read_budget
from sweep.identity import read_identity
from sweep.standing import standing_of
from sweep.trial_files import TrialFiles


def study_document(study: optuna.Study) -> dict[str, Any]:
    """One row of `sweep studies`."""
    identity = read_identity(study)
    now = standing_of(study)
    return {
        "study": study.study_name,
        "family": None if identity is None else identity.family,
        "complete": now.complete,
        "pruned": now.pruned,
        "running": now.running,
        "waiting": now.waiting,
        "failed": now.failed,
    }


def status_document(study: optuna.Study, files: TrialFiles | None = None) -> dict[str, Any]:
    """What `sweep status` says.

    Args:
        study: The study.
        files: Its trials' files on this host, to be measured. Default: None.
    """
    identity, budget = read_identity(study), read_budget(study)
    now = standing_of(study)
    best = None if now.best is None else {"number": now.best.number, "value": now.best.value}
    return study_document(study) | {
        "trials_wanted": budget.trials,
        "best": best,
        "ended": now.ended,
        "until": budget.until,
        "trial_timeout": budget.trial_timeout,
        "max_failures": budget.max_failures,
        "max_retries": budget.max_retries,
        "quick_look": None if identity is None else identity.quick_look,
        "identity": None if identity is None else identity.to_dict(),
        # The name of another tool's study may be any path: no files are looked for.
        "disk_bytes": None if files is None or identity is None else files.size(),
        "epochs_saved": None if identity is None else _epochs_saved(study, identity.epochs),
    }


def _epochs_saved(study: optuna.Study, epochs: int) -> int:
    """Epochs that pruned trials were spared; a repeat was not trained at all, whatever it copied."""
    pruned = study.get_trials(deepcopy=False, states=(TrialState.PRUNED,))
    return sum(
        max(0, epochs - trial.user_attrs["epochs_run"])
        for trial in pruned
        if "epochs_run" in trial.user_attrs and "reused_from" not in trial.user_attrs
    )


def trial_documents(study: optuna.Study, space: SearchSpace | None) -> list[dict[str, Any]]:
    """What `sweep trials` lists, ordered by number.

    Args:
        study: The study.
        space: Its search space, or None where its family is not installed; waiting trials then have no `config`.
    """
    return [trial_document(trial, space) for trial in study.get_trials(deepcopy=False)]


def trial_document(trial: FrozenTrial, space: SearchSpace | None) -> dict[str, Any]:
    """One trial.

    A waiting trial has its enqueued parameters. `value` of a pruned trial is its last report.
    """
    attributes = trial.user_attrs
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    finished = trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return {
        "number": trial.number,
        "state": trial.state.name,
        "value": trial.value if finished else None,
        "params": dict(params),
        "config": attributes.get("config") or _config(params, space),
        "baseline": attributes.get("baseline"),
        "attempt": attributes.get("attempt", 1),
        "retry_of": attributes.get("retry_of"),
        "datetime_start": None if trial.datetime_start is None else trial.datetime_start.isoformat(),
        "datetime_complete": None if trial.datetime_complete is None else trial.datetime_complete.isoformat(),
        "intermediate_values": {str(step): value for step, value in sorted(trial.intermediate_values.items())},
        "user_attrs": dict(attributes),
    }


def to_json(document: Any) -> str:
    """A document as JSON text, with null for what JSON has no number for: a loss can be infinite, or NaN."""
    return json.dumps(_finite(document), indent=2, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _config(params: Mapping[str, Any], space: SearchSpace | None) -> dict[str, Any] | None:
    if space is None or not params:
        return None
    try:
        return space.from_params(params).to_dict()
    except ConfigurationError:
        return None  # a lost trial that had only some of its parameters
