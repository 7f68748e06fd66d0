"""Whose turn it is: what was interrupted keeps its place among the trials that wait."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial


def turn_of(waiting: FrozenTrial, trials: Sequence[FrozenTrial]) -> int:
    """The number of the attempt whose place a waiting trial has; the lowest is next.

    By its own number a retry would come after all that has not begun, and its checkpoint would lie there meanwhile. It
    has the place of the attempt before it if that was interrupted and had got further than the one before. What
    crashed, or was interrupted before another epoch ended, perhaps through its own fault, lets the others go first.

    Args:
        waiting: The trial.
        trials: All trials of the study, by number.
    """
    trial = waiting
    while (before := _attempt_before(trial, trials)) is not None and _kept_its_place(trial, before, trials):
        trial = before
    return trial.number


def _kept_its_place(trial: FrozenTrial, before: FrozenTrial, trials: Sequence[FrozenTrial]) -> bool:
    interruptions = [each.user_attrs.get("interruptions", 0) for each in (before, trial)]
    return interruptions[0] < interruptions[1] and _epochs(before) > _epochs(_attempt_before(before, trials))


def _attempt_before(trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    number = trial.user_attrs.get("retry_of")
    return trials[number] if number is not None and number < min(trial.number, len(trials)) else None


def _epochs(trial: FrozenTrial | None) -> int:
    """The last epoch that an attempt reported; 0 for none."""
    return 0 if trial is None else trial.last_step or 0
