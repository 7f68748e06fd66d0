"""How far a study has come, from what its trials come to: the one place that decides whether it has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from storage.tally import Best, CountedStudy, Proposal, Tally
from sweep.budget import Budget, read_budget
from sweep.counted import LoadedStudy, tally_of
from sweep.failures import FailureKind

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

MAX_REPEATS = 20  # proposals in a row that are all known or above a limit: the space has nothing new to offer
CONFIRMS = "confirms"  # attribute of a study that trains another one's finalists again, with that one's name
LOOK_PREFIX = "test."  # one attribute each time that an exported model was measured on the test images
RUN_PREFIX = "run."  # one attribute per start, join or end of a run, see `sweep.runs`
NOT_COUNTED = frozenset({FailureKind.INTERRUPTED, FailureKind.REPEAT, FailureKind.LIMIT})
NOTHING_NEW = frozenset({FailureKind.REPEAT, FailureKind.LIMIT})  # proposals that were not worth a training


class End(StrEnum):
    """Why a study, or a worker's run on it, ended."""

    TRIALS = "trials"
    TIMEOUT = "timeout"
    UNTIL = "until"
    STOPPED = "stopped"
    EXHAUSTED = "exhausted"
    FAILURES = "failures"


OF_A_RUN = frozenset({End.TIMEOUT, End.STOPPED})  # ends of a run, which only its record tells; the others are rules


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Trials by state, the best, and why the study ended, if it did.

    Attributes:
        failures: Failed trials by their kind; None for what another tool failed.
    """

    complete: int
    pruned: int
    running: int
    waiting: int
    failed: int
    failures: Mapping[str | None, int]
    best: Best | None
    ended: End | None

    @property
    def finished(self) -> int:
        """Trials that count towards the budget."""
        return self.complete + self.pruned

    @property
    def is_over(self) -> bool:
        """Whether a rule ended the study, not only a run on it."""
        return self.ended is not None and self.ended not in OF_A_RUN


def standing(trials: "Sequence[FrozenTrial]", budget: Budget, attributes: Mapping[str, Any]) -> Standing:
    """Compute where a study stands from its trials.

    Args:
        trials: All its trials, ordered by number.
        budget: The rules in force.
        attributes: The study's user attributes.
    """
    return standing_by(tally_of(trials, proposals=MAX_REPEATS), budget, attributes)


def standing_of(study: "optuna.Study") -> Standing:
    """Where a study stands now."""
    return counted_standing(LoadedStudy(study))


def counted_standing(study: CountedStudy) -> Standing:
    """Where a study stands now, whichever way its trials are counted."""
    return standing_by(study.tally(proposals=MAX_REPEATS), read_budget(study), study.user_attrs)


def standing_by(tally: Tally, budget: Budget, attributes: Mapping[str, Any]) -> Standing:
    """Where a study stands by what its trials come to."""
    now = Standing(
        complete=tally.states["COMPLETE"],
        pruned=tally.states["PRUNED"],
        running=tally.states["RUNNING"],
        waiting=tally.states["WAITING"],
        failed=tally.states["FAIL"],
        failures=tally.failures,
        best=tally.best,
        ended=None,
    )
    return replace(now, ended=_ended(now, tally, budget, attributes))


def _ended(now: Standing, tally: Tally, budget: Budget, attributes: Mapping[str, Any]) -> End | None:
    if budget.until is not None and now.best is not None and now.best.value >= budget.until:
        return End.UNTIL
    if now.finished >= budget.trials:
        return End.TRIALS
    if _failures_in_a_row(tally, attributes) >= budget.max_failures:
        return End.FAILURES
    # What waits was not proposed by the sampler.
    if now.waiting == 0 and _repeats_in_a_row(tally.last_proposals) >= MAX_REPEATS:
        return End.EXHAUSTED
    if CONFIRMS in attributes and now.waiting == now.running == 0:  # nothing is drawn in it
        return End.EXHAUSTED
    last = max((key for key in attributes if key.startswith(RUN_PREFIX)), default=None)
    if last is None or attributes[last]["event"] != "ended" or now.running > 0:
        return None
    reason = End(attributes[last]["reason"])
    return reason if reason in OF_A_RUN else None  # of the others' rules none holds any more


def counted_failures(trials: "Sequence[FrozenTrial]") -> int:
    """Failed trials that speak against the study: interruptions, repeats and networks that are too large do not."""
    return _counted(tally_of(trials, proposals=0).failures)


def _counted(failures: Mapping[str | None, int]) -> int:
    return sum(trials for kind, trials in failures.items() if kind not in NOT_COUNTED)


def _failures_in_a_row(tally: Tally, attributes: Mapping[str, Any]) -> int:
    # A start takes up a study that its failures had ended: those before it are forgiven.
    forgiven = max((event["failures"] for event in attributes_of_runs(attributes, "start")), default=0)
    return min(_counted(tally.failures_in_a_row), _counted(tally.failures) - forgiven)


def attributes_of_runs(attributes: Mapping[str, Any], event: str) -> list[Mapping[str, Any]]:
    """The run records of one kind, oldest first."""
    keys = sorted(key for key in attributes if key.startswith(RUN_PREFIX))
    return [attributes[key] for key in keys if attributes[key]["event"] == event]


def _repeats_in_a_row(last: Sequence[Proposal]) -> int:
    return sum(1 for _ in takewhile(lambda each: each.reused or each.failure in NOTHING_NEW, last))
