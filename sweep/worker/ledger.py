"""What came of a trial, written into the study: attributes first, for a finished trial is frozen."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.environment import git_commit, host_name, versions
from sweep.failures import FailureKind
from sweep.identity import Identity
from sweep.messages import HISTORY_COLUMNS, Begun, EpochEnd, Evaluation, Job, Ready, Result
from sweep.metrics import scores
from sweep.queueing import requeue
from sweep.test_classes import TEST_CLASSES, pack

COPIED_BY_A_REPEAT = (
    "val_",
    "test_",
    "parameters",
    "trainable_parameters",
    "forward_macs",
    "best_epoch",
    "epochs_run",
)


def write_start(trial: optuna.Trial, job: Job, identity: Identity, trainer: Ready, *, slots: int) -> None:
    """Record what is about to be trained, and where: beside how many trainers, too, for they share the host."""
    plan = job.plan
    _write(
        trial,
        {
            "quick_look": identity.quick_look,
            "parameters": plan.parameters,
            "trainable_parameters": plan.trainable_parameters,
            "forward_macs": plan.forward_macs,
            "seed": job.seed,
            "host": host_name(),
            "slots": slots,
            "backend": trainer.backend,
            "device": trainer.device,
            "versions": versions(),
            "git_commit": git_commit(),
        }
        | ({"weights": identity.weights} if identity.weights is not None else {}),
    )


def write_begun(trial: optuna.Trial, begun: Begun) -> None:
    """Record what the trainer computes in: a pruned trial has it too."""
    latency = {} if begun.latency_seconds is None else {"latency_seconds": begun.latency_seconds}
    _write(trial, {"dtype_policy": begun.dtype_policy} | latency)


def write_resumed(trial: optuna.Trial, history: tuple[EpochEnd, ...]) -> None:
    """Record that a retry goes on after the epochs of the attempt before; none if it begins again."""
    _write(trial, {"resumed_from_epoch": len(history)})
    for end in history:
        trial.report(end.val_accuracy, step=end.epoch)


def write_epoch(trial: optuna.Trial, end: EpochEnd, *, may_prune: bool) -> str | None:
    """Report an epoch's validation accuracy and ask the pruner.

    Returns:
        Why the trial is to be pruned, or None to go on. A baseline's report counts for the pruner's other
        trials, but its own verdict is ignored.
    """
    trial.report(end.val_accuracy, step=end.epoch)
    if not trial.should_prune() or not may_prune:
        return None
    others = [
        other.intermediate_values[end.epoch]
        for other in trial.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if end.epoch in other.intermediate_values
    ]
    against = f" against a median of {np.median(others):.3f} over {len(others)} trials" if others else ""
    return f"pruned at epoch {end.epoch}: {end.val_accuracy:.3f}{against}"


def write_result(study: optuna.Study, trial: optuna.Trial, result: Result, *, confirms: bool = False) -> float:
    """Complete a trial; its value is the best epoch's validation accuracy in float32.

    Args:
        study: The study.
        trial: The trial.
        result: What came of it.
        confirms: Whether it confirms another study's trial: each test image's predicted class is kept then.
    """
    _write(
        trial,
        {
            "epochs_run": len(result.history),
            "best_epoch": result.best_epoch,
            "train_seconds": result.train_seconds,
            "images_per_second": result.images_per_second,
            "dtype_policy": result.dtype_policy,
            "history": _columns(result.history),
        }
        | ({} if result.features_seconds is None else {"features_seconds": result.features_seconds})
        | measures("val_", result.validation)
        | (measures("test_", result.test) if result.test is not None else {})
        | ({TEST_CLASSES: pack(result.test_classes)} if confirms and result.test_classes is not None else {})
        | ({"taken_over": result.taken_over} if confirms else {}),
    )
    value = trial.user_attrs["val_accuracy"]
    study.tell(trial, value, skip_if_finished=True)
    return float(value)


def write_pruned(study: optuna.Study, trial: optuna.Trial, history: tuple[EpochEnd, ...], because: str) -> None:
    """End a trial that the pruner gave up; its value is its last report."""
    best = max(history, key=lambda end: end.val_accuracy)
    _write(
        trial,
        {
            "pruned_because": because,
            "epochs_run": len(history),
            "best_epoch": best.epoch,
            "train_seconds": sum(end.seconds for end in history),
            "history": _columns(history),
        },
    )
    study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)


def write_repeat(study: optuna.Study, trial: optuna.Trial, earlier: FrozenTrial) -> None:
    """End a trial whose configuration has ended before, as it did then and without training."""
    if earlier.state is TrialState.FAIL:
        message = f"trial {earlier.number} failed with this configuration"
        if earlier.user_attrs.get("failure") == FailureKind.LIMIT:  # perhaps with other regularisers
            message = f"as trial {earlier.number}: {earlier.user_attrs.get('failure_message')}"
        write_failure(study, trial, FailureKind.REPEAT, message)
        return
    copied = {name: value for name, value in earlier.user_attrs.items() if name.startswith(COPIED_BY_A_REPEAT)}
    _write(trial, copied | {"reused_from": earlier.number, "quick_look": earlier.user_attrs.get("quick_look")})
    if earlier.state is TrialState.COMPLETE:
        study.tell(trial, earlier.value, skip_if_finished=True)
        return
    for step, value in earlier.intermediate_values.items():
        trial.report(value, step=step)
    _write(trial, {"pruned_because": earlier.user_attrs.get("pruned_because")})
    study.tell(trial, state=TrialState.PRUNED, skip_if_finished=True)


def write_failure(
    study: optuna.Study,
    trial: optuna.Trial,
    kind: FailureKind,
    message: str,
    history: tuple[EpochEnd, ...] = (),
) -> None:
    """End a trial without a result."""
    _write(trial, {"failure": kind.value, "failure_message": message})
    if history:
        _write(trial, {"epochs_run": len(history), "history": _columns(history)})
    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def give_back(study: optuna.Study, trial: optuna.Trial, kind: FailureKind, message: str, *, max_retries: int) -> bool:
    """Fail a trial that was interrupted or crashed, and let a new one wait in its place.

    Returns:
        Whether it waits again.
    """
    failed = study.get_trials(deepcopy=False)[trial.number]
    # Enqueued first: a worker that dies between the two leaves a trial to be found stale, not one that is lost.
    waits = not failed.state.is_finished() and requeue(study, failed, kind, max_retries=max_retries)
    write_failure(study, trial, kind, message)
    return waits


def measures(prefix: str, evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as attributes whose names begin with `val_` or `test_`."""
    of_matrix = scores(np.asarray(evaluation.confusion_matrix))
    return {
        f"{prefix}accuracy": of_matrix.accuracy,
        f"{prefix}loss": evaluation.loss,
        f"{prefix}cross_entropy": evaluation.cross_entropy,
        f"{prefix}precision": of_matrix.precision,
        f"{prefix}recall": of_matrix.recall,
        f"{prefix}f1": of_matrix.f1,
        f"{prefix}rmse": of_matrix.rmse,
        f"{prefix}confusion_matrix": evaluation.confusion_matrix,
    }


def _columns(history: tuple[EpochEnd, ...]) -> dict[str, list[float]]:
    return {name: [getattr(end, name) for end in history] for name in HISTORY_COLUMNS}


def _write(trial: optuna.Trial, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
