"""How far a study has come, computed from its trials: the one place that decides whether it has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.budget import Budget, read_budget
from sweep.failures import FailureKind

MAX_REPEATS = 20  # proposals in a row that are all known: the space has nothing new to offer
CONFIRMS = "confirms"  # attribute of a study that trains another one's finalists again, with that one's name
LOOK_PREFIX = "test."  # one attribute each time that an exported model was measured on the test images
RUN_PREFIX = "run."  # one attribute per start, join or end of a run, see `sweep.runs`
NOT_COUNTED = frozenset({FailureKind.INTERRUPTED, FailureKind.REPEAT})


class End(StrEnum):
    """Why a study, or a worker's run on it, ended."""

    TRIALS = "trials"
    TIMEOUT = "timeout"
    UNTIL = "until"
    STOPPED = "stopped"
    EXHAUSTED = "exhausted"
    FAILURES = "failures"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Trials by state, and why the study ended, if it did."""

    complete: int
    pruned: int
    running: int
    waiting: int
    failed: int
    best: FrozenTrial | None
    ended: End | None

    @property
    def finished(self) -> int:
        """Trials that count towards the budget."""
        return self.complete + self.pruned


def standing(trials: Sequence[FrozenTrial], budget: Budget, attributes: Mapping[str, Any]) -> Standing:
    """Compute where a study stands.

    Args:
        trials: All its trials, ordered by number.
        budget: The rules in force.
        attributes: The study's user attributes.
    """
    counts = dict.fromkeys(TrialState, 0)
    for trial in trials:
        counts[trial.state] += 1
    complete = [trial for trial in trials if trial.state is TrialState.COMPLETE and trial.value is not None]
    best = max(complete, key=lambda trial: (trial.value, -trial.number), default=None)
    result = Standing(
        complete=counts[TrialState.COMPLETE],
        pruned=counts[TrialState.PRUNED],
        running=counts[TrialState.RUNNING],
        waiting=counts[TrialState.WAITING],
        failed=counts[TrialState.FAIL],
        best=best,
        ended=None,
    )
    return Standing(**(vars(result) | {"ended": _ended(result, trials, budget, attributes)}))


def standing_of(study: optuna.Study) -> Standing:
    """Where a study stands now."""
    return standing(study.get_trials(deepcopy=False), read_budget(study), study.user_attrs)


def _ended(now: Standing, trials: Sequence[FrozenTrial], budget: Budget, attributes: Mapping[str, Any]) -> End | None:
    if budget.until is not None and now.best is not None and (now.best.value or 0.0) >= budget.until:
        return End.UNTIL
    if now.finished >= budget.trials:
        return End.TRIALS
    if _failures_in_a_row(trials, attributes) >= budget.max_failures:
        return End.FAILURES
    if now.waiting == 0 and _repeats_in_a_row(trials) >= MAX_REPEATS:  # what waits was not proposed by the sampler
        return End.EXHAUSTED
    if CONFIRMS in attributes and now.waiting == now.running == 0:  # nothing is drawn in it
        return End.EXHAUSTED
    last = max((key for key in attributes if key.startswith(RUN_PREFIX)), default=None)
    if last is not None and attributes[last]["event"] == "ended" and now.running == 0:
        return End(attributes[last]["reason"])
    return None


def counted_failures(trials: Sequence[FrozenTrial]) -> int:
    """Failed trials that speak against the study: interruptions and repeats do not."""
    return sum(_is_counted(trial) for trial in trials)


def _is_counted(trial: FrozenTrial) -> bool:
    return trial.state is TrialState.FAIL and trial.user_attrs.get("failure") not in NOT_COUNTED


def _failures_in_a_row(trials: Sequence[FrozenTrial], attributes: Mapping[str, Any]) -> int:
    # In the order of their beginnings: the clocks of hosts, which date the ends, may be apart.
    ended = [trial for trial in reversed(trials) if trial.state.is_finished()]
    failures = 0
    for trial in ended:
        if trial.state is not TrialState.FAIL:
            break
        failures += _is_counted(trial)
    # A start takes up a study that its failures had ended: those before it are forgiven.
    forgiven = max((event["failures"] for event in attributes_of_runs(attributes, "start")), default=0)
    return min(failures, counted_failures(trials) - forgiven)


def attributes_of_runs(attributes: Mapping[str, Any], event: str) -> list[Mapping[str, Any]]:
    """The run records of one kind, oldest first."""
    keys = sorted(key for key in attributes if key.startswith(RUN_PREFIX))
    return [attributes[key] for key in keys if attributes[key]["event"] == event]


def _repeats_in_a_row(trials: Sequence[FrozenTrial]) -> int:
    drawn = sorted(
        (trial for trial in trials if "draw" in trial.user_attrs and trial.state.is_finished()),
        key=lambda trial: (trial.user_attrs["draw"], trial.number),
        reverse=True,
    )
    repeats = 0
    for trial in drawn:
        if "reused_from" not in trial.user_attrs and trial.user_attrs.get("failure") != FailureKind.REPEAT:
            break
        repeats += 1
    return repeats
