"""A study's trials counted one by one, as Optuna loads them: what `storage.counting` does in the database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from storage.counting import STATES, in_order
from storage.tally import (
    CALLED_BY,
    QUEUED_AS,
    Best,
    Course,
    Operation,
    Proposal,
    RunningTrial,
    RunningWork,
    Tally,
    TrainedWith,
    working_hosts,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class LoadedStudy:
    """One study, whose trials Optuna loads; a `storage.tally.CountedStudy`.

    Args:
        study: The study.
    """

    def __init__(self, study: "optuna.Study") -> None:
        self._study = study

    @property
    def study_name(self) -> str:
        """Its name."""
        return self._study.study_name

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """Its user attributes."""
        return self._study.user_attrs

    def states(self) -> Mapping[str, int]:
        """Trials in each state."""
        return states_of(self._trials())

    def tally(self, *, proposals: int) -> Tally:
        """What decides whether it has ended, see `CountedStudy`."""
        return tally_of(self._trials(), proposals=proposals)

    def course(self, *, running: int) -> Course:
        """What people want to know besides, see `CountedStudy`."""
        trials = self._trials()
        under_way = [trial for trial in trials if trial.state.name == "RUNNING"]
        return Course(
            running=tuple(_running(trial) for trial in under_way[:running]),
            pruned_after=_pruned_after(trials),
            trained_with=_trained_with(trials),
        )

    def operation(self) -> Operation:
        """Who works on it and what waits, see `CountedStudy`; Optuna shows no heartbeats, so no pace either."""
        trials = self._trials()
        return Operation(
            hosts=working_hosts(_work(trial) for trial in trials if trial.state.name == "RUNNING"),
            queue=dict(Counter(_queued_as(trial) for trial in trials if trial.state.name == "WAITING")),
            pace=None,
        )

    def _trials(self) -> "Sequence[FrozenTrial]":
        return self._study.get_trials(deepcopy=False)


def states_of(trials: "Sequence[FrozenTrial]") -> Mapping[str, int]:
    """Trials in each state."""
    return dict.fromkeys(STATES, 0) | Counter(trial.state.name for trial in trials)


def tally_of(trials: "Sequence[FrozenTrial]", *, proposals: int) -> Tally:
    """What decides whether a study has ended.

    Args:
        trials: All its trials, ordered by number.
        proposals: Most of the last proposals.
    """
    # In the order of their beginnings: the clocks of hosts, which date the ends, may be apart.
    last_success = max((trial.number for trial in trials if trial.state.name in ("COMPLETE", "PRUNED")), default=-1)
    drawn = [trial for trial in trials if "draw" in trial.user_attrs and trial.state.is_finished()]
    drawn.sort(key=lambda trial: (trial.user_attrs["draw"], trial.number), reverse=True)
    complete = [trial for trial in trials if trial.state.name == "COMPLETE" and len(trial.values or ()) == 1]
    best = max(complete, key=lambda trial: (trial.value, -trial.number), default=None)
    return Tally(
        states=states_of(trials),
        best=None if best is None or best.value is None else Best(number=best.number, value=best.value),
        failures=_failures(trials),
        failures_in_a_row=_failures([trial for trial in trials if trial.number > last_success]),
        last_proposals=tuple(
            Proposal(reused="reused_from" in trial.user_attrs, failure=failure_of(trial)) for trial in drawn[:proposals]
        ),
    )


def _failures(trials: "Sequence[FrozenTrial]") -> Mapping[str | None, int]:
    return dict(Counter(failure_of(trial) for trial in trials if trial.state.name == "FAIL"))


def failure_of(trial: "FrozenTrial") -> str | None:
    """The kind of a failed trial; None without one, or where it is no text."""
    return _text(trial, "failure")


def _running(trial: "FrozenTrial") -> RunningTrial:
    epoch = max(trial.intermediate_values, default=None)
    return RunningTrial(
        number=trial.number,
        attributes={name: trial.user_attrs[name] for name in CALLED_BY if name in trial.user_attrs},
        epoch=epoch,
        value=None if epoch is None else trial.intermediate_values[epoch],
    )


def _work(trial: "FrozenTrial") -> RunningWork:
    return RunningWork(
        host=_text(trial, "host"),
        worker=_text(trial, "worker"),
        slots=trial.user_attrs.get("slots"),
        silent_seconds=None,
    )


def _queued_as(trial: "FrozenTrial") -> str:
    return next((kind for name, kind in QUEUED_AS.items() if name in trial.user_attrs), "other")


def _pruned_after(trials: "Sequence[FrozenTrial]") -> Mapping[int, int]:
    epochs = (
        trial.user_attrs.get("epochs_run")
        for trial in trials
        if trial.state.name == "PRUNED" and "reused_from" not in trial.user_attrs
    )
    return dict(Counter(each for each in epochs if isinstance(each, int)))


def _trained_with(trials: "Sequence[FrozenTrial]") -> tuple[TrainedWith, ...]:
    found = Counter(
        tuple(_text(trial, name) for name in ("host", "dtype_policy", "backend", "device"))
        for trial in trials
        if trial.state.name in ("COMPLETE", "PRUNED")
        and "reused_from" not in trial.user_attrs
        and trial.user_attrs.get("taken_over") is not True
    )
    return in_order(found)


def _text(trial: "FrozenTrial", name: str) -> str | None:
    """A user attribute that is a text; None for another, or for none."""
    value = trial.user_attrs.get(name)
    return value if isinstance(value, str) else None
