"""What ends a study: limits shared by every worker, kept in the study."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna

    from storage.tally import CountedStudy

PREFIX = "budget."


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The rules that end a study, whoever works on it.

    Attributes:
        trials: Finished (complete and pruned) trials wanted, baselines included.
        until: End when a trial reaches this validation accuracy; None: never.
        trial_timeout: Seconds a trial may train, then it fails with `time`; None: unlimited.
        max_failures: End after so many failed trials in a row, interruptions not counted.
        max_retries: A trial whose trainer crashed is tried so many times again.
        keep: Best trials whose weights are kept, besides the reported experiments'.
    """

    trials: int = 20
    until: float | None = None
    trial_timeout: float | None = None
    max_failures: int = 10
    max_retries: int = 2
    keep: int = 3


@dataclass(frozen=True, kw_only=True)
class BudgetChange:
    """Rules named by one command; what is None stays as stored."""

    trials: int | None = None
    until: float | None = None
    trial_timeout: float | None = None
    max_failures: int | None = None
    max_retries: int | None = None
    keep: int | None = None


def read_budget(study: "optuna.Study | CountedStudy") -> Budget:
    """The rules in force."""
    attributes = study.user_attrs
    stored = {field.name: attributes.get(PREFIX + field.name) for field in fields(Budget)}
    return Budget(**{name: value for name, value in stored.items() if value is not None})


def change_budget(study: "optuna.Study", change: BudgetChange) -> list[str]:
    """Store what a command asks for; the newest command wins.

    Each rule is an attribute of its own, so that two commands at once cannot undo each other.

    Returns:
        One line per rule whose value changed, for the log.
    """
    before = asdict(read_budget(study))
    changes = []
    for name, value in asdict(change).items():
        stored = PREFIX + name in study.user_attrs
        if value is None and not stored:
            study.set_user_attr(PREFIX + name, before[name])
        elif value is not None and (value != before[name] or not stored):
            study.set_user_attr(PREFIX + name, value)
            if stored:
                changes.append(f"{name.replace('_', '-')}: {before[name]} -> {value}")
    return changes
