"""Which trials' checkpoints and weights are kept: one set of rules for every place that has some."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # who only measures files does without Optuna, which takes long to import
    from optuna.trial import FrozenTrial


@dataclass(frozen=True, kw_only=True)
class KeptNumbers:
    """Trials whose files the rules keep, by number."""

    checkpoints: set[int]
    weights: set[int]


def kept_numbers(trials: "Iterable[FrozenTrial]", *, keep: int) -> KeptNumbers:
    """Trials whose checkpoints and weights are kept, see `TrialFiles.surplus`."""
    known = list(trials)
    running = {trial.number for trial in known if trial.state.name == "RUNNING"}
    # Of running ones too: their trainer may not have read it yet.
    retried = numbers_retried(known, "WAITING", "RUNNING")
    return KeptNumbers(checkpoints=running | retried, weights=running | numbers_to_keep(known, keep=keep))


def numbers_to_keep(trials: "Iterable[FrozenTrial]", *, keep: int) -> set[int]:
    """Trials whose weights are kept: complete reported experiments and confirmations, and the best `keep` of all."""
    trained = from_best(trials)
    best = trained[:keep]
    lasting = {trial.number for trial in trained if {"baseline", "confirms"} & trial.user_attrs.keys()}
    return lasting | {trial.number for trial in best}


def numbers_retried(trials: "Iterable[FrozenTrial]", *states: str) -> set[int]:
    """Numbers of all attempts before those in these states."""
    known = list(trials)
    return {
        number
        for trial in known
        if trial.state.name in states
        for number in attempts_before(known, trial.user_attrs.get("retry_of"))
    }


def attempts_before(trials: "Sequence[FrozenTrial]", retried: int | None) -> tuple[int, ...]:
    """The attempts that a retry may go on from, the newest first: that one may have died before its first checkpoint.

    Args:
        trials: All trials of the study, by number.
        retried: The trial that it retries; None for no retry.
    """
    found: list[int] = []
    while retried is not None and retried < len(trials) and retried not in found:
        found.append(retried)
        retried = trials[retried].user_attrs.get("retry_of")
    return tuple(found)


def from_best(trials: "Iterable[FrozenTrial]") -> "list[FrozenTrial]":
    """Complete trials that were trained, the best first; of equal ones the first."""
    trained = [
        trial
        for trial in trials
        if trial.state.name == "COMPLETE" and trial.value is not None and "reused_from" not in trial.user_attrs
    ]
    return sorted(trained, key=lambda trial: (-(trial.value or 0.0), trial.number))


def number_of(path: Path) -> int | None:
    """The trial a file belongs to, also as a draft with a dot in front; None for a file that is not ours."""
    number = path.name.lstrip(".").partition(".")[0]
    return int(number) if number.isdecimal() else None
