"""Studies and trials as plain documents: what `--json` prints and the tables show."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from storage.tally import CountedStudy, Course
from sweep.budget import read_budget
from sweep.identity import read_identity
from sweep.standing import counted_standing
from sweep.titles import title_of
from sweep.trial_files import TrialFiles

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

    from search_spaces import SearchSpace

RUNNING_LISTED = 20  # trials under way that are described; the others are counted


def study_document(study: CountedStudy) -> dict[str, Any]:
    """One row of `sweep studies`."""
    identity, states = read_identity(study), study.states()
    return {
        "study": study.study_name,
        "family": None if identity is None else identity.family,
        "complete": states["COMPLETE"],
        "pruned": states["PRUNED"],
        "running": states["RUNNING"],
        "waiting": states["WAITING"],
        "failed": states["FAIL"],
    }


def status_document(study: CountedStudy, files: TrialFiles | None = None) -> dict[str, Any]:
    """What `sweep status` says.

    Args:
        study: The study.
        files: Its trials' files on this host, to be measured. Default: None.
    """
    identity, budget = read_identity(study), read_budget(study)
    now, course, operation = counted_standing(study), study.course(running=RUNNING_LISTED), study.operation()
    return study_document(study) | {
        "trials_wanted": budget.trials,
        "best": None if now.best is None else asdict(now.best),
        "ended": now.ended,
        "until": budget.until,
        "trial_timeout": budget.trial_timeout,
        "max_failures": budget.max_failures,
        "max_retries": budget.max_retries,
        "quick_look": None if identity is None else identity.quick_look,
        "identity": None if identity is None else identity.to_dict(),
        # The name of another tool's study may be any path: no files are looked for.
        "disk_bytes": None if files is None or identity is None else files.size(),
        "epochs_saved": None if identity is None else _epochs_saved(course, identity.epochs),
        "failures": {kind or "other": trials for kind, trials in now.failures.items()},
        "queue": dict(operation.queue),
        "pace": None if operation.pace is None else asdict(operation.pace),
        "hosts": [asdict(each) for each in operation.hosts],
        "precisions": [asdict(each) for each in course.trained_with],
        "running_trials": [
            {
                "number": trial.number,
                "title": title_of(trial.attributes, trial.attributes.get("config")),
                "epoch": trial.epoch,
                "value": trial.value,
            }
            for trial in course.running
        ],
    }


def _epochs_saved(course: Course, epochs: int) -> int:
    """Epochs that pruned trials were spared; a repeat was not trained at all, whatever it copied."""
    return sum(trials * max(0, epochs - run) for run, trials in course.pruned_after.items())


def trial_documents(study: "optuna.Study", space: "SearchSpace | None") -> list[dict[str, Any]]:
    """What `sweep trials` lists, ordered by number.

    Args:
        study: The study.
        space: Its search space, or None where its family is not installed; waiting trials then have no `config`.
    """
    return [trial_document(trial, space) for trial in study.get_trials(deepcopy=False)]


def trial_document(trial: "FrozenTrial", space: "SearchSpace | None") -> dict[str, Any]:
    """One trial.

    A waiting trial has its enqueued parameters. `value` of a pruned trial is its last report.
    """
    attributes = trial.user_attrs
    params = trial.params or trial.system_attrs.get("fixed_params", {})
    finished = trial.state.name in ("COMPLETE", "PRUNED")
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
        "epochs": max(trial.intermediate_values, default=0),  # those of a trial that was cut off cost as much
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


def _config(params: Mapping[str, Any], space: "SearchSpace | None") -> dict[str, Any] | None:
    if space is None or not params:
        return None
    from search_spaces import ConfigurationError  # whoever has a space has imported it, with Optuna

    try:
        return space.from_params(params).to_dict()
    except ConfigurationError:
        return None  # a lost trial that had only some of its parameters
