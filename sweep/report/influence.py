"""Which hyperparameters matter: importances of what was really trained."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances
from optuna.trial import create_trial

from search_spaces import SearchSpace
from sweep.report.facts import TrialFacts

FEWEST_TRIALS = 8
SEED = 0  # of the forest: the same trials give the same page
OFF = 0.25  # where off stands on a scale of 0…1 whose upper half holds the numbers

EXPLANATION = (
    "Importances are fANOVA's: a random forest learns validation accuracy from the hyperparameters, and each one's "
    "share is what it alone explains of the differences. They are computed from what was trained: the database keeps "
    "a value for a regulariser that is off, which plays no part and is not used here. Off is one end of that "
    "hyperparameter's scale and takes half of it, as the search draws it; so a share says how much it matters "
    "whether it is on, and how strong, together."
)


@dataclass(frozen=True, kw_only=True)
class Influence:
    """How much each hyperparameter explains.

    Attributes:
        shares: 0…1 by name, in all 1; empty if there is a problem.
        trials: Number of trials behind it.
        constant: Hyperparameters that all trials have alike.
        partial: Hyperparameters that only some trials have, as those of one family among several.
        problem: Why there are none, or None.
    """

    shares: Mapping[str, float]
    trials: int
    constant: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    problem: str | None = None


def influence_of(trials: Sequence[TrialFacts], names: Sequence[str], space: SearchSpace | None) -> Influence:
    """Compute importances over complete trials that were trained.

    Args:
        trials: The trials, all with a finite value.
        names: The hyperparameters.
        space: Their search space, or None where it is not known: scales are then those of the values seen.
    """
    usable = [trial for trial in trials if trial.config]
    if len(usable) < FEWEST_TRIALS:
        return Influence(
            shares={},
            trials=len(usable),
            problem=f"{len(usable)} different trials are complete; fewer than {FEWEST_TRIALS} say nothing reliable.",
        )
    if len({trial.value for trial in usable}) == 1:
        return Influence(shares={}, trials=len(usable), problem="All trials have the same validation accuracy.")
    columns, constant, partly = {}, [], []
    for name in names:
        values = [trial.config[name] for trial in usable if trial.config and name in trial.config]
        if len(values) < len(usable):
            partly.append(name)
        elif len(set(values)) == 1:
            constant.append(name)
        else:
            columns[name] = _encoded(name, values, space)
    if not columns:
        problem = "No hyperparameter differs between the trials."
        return Influence(
            shares={}, trials=len(usable), problem=problem, constant=tuple(constant), partial=tuple(partly)
        )
    shares = _shares(usable, columns)
    return Influence(shares=shares, trials=len(usable), constant=tuple(constant), partial=tuple(partly))


def _shares(
    trials: Sequence[TrialFacts], columns: Mapping[str, tuple[list[Any], BaseDistribution]]
) -> dict[str, float]:
    study = optuna.create_study(direction="maximize")
    distributions = {name: distribution for name, (_, distribution) in columns.items()}
    study.add_trials(
        [
            create_trial(
                value=trial.value,
                params={name: values[index] for name, (values, _) in columns.items()},
                distributions=distributions,
            )
            for index, trial in enumerate(trials)
        ]
    )
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=SEED))


def _encoded(name: str, values: Sequence[Any], space: SearchSpace | None) -> tuple[list[Any], BaseDistribution]:
    """One hyperparameter as a parameter of our own, without a value where it is off."""
    numbers = [value for value in values if value is not None]
    if not all(isinstance(value, float) for value in numbers):
        texts = [str(value) for value in values]
        return texts, CategoricalDistribution(sorted(set(texts)))
    known = None if space is None else space.distributions.get(name)
    log = is_log(name, space)
    low, high = (known.low, known.high) if isinstance(known, FloatDistribution) else (min(numbers), max(numbers))
    begin = OFF + 0.25 if any(value is None for value in values) else 0.0

    def place(value: float | None) -> float:
        if value is None:
            return OFF
        share = _share(value, low, high, log=log)
        return begin + (1 - begin) * min(max(share, 0.0), 1.0)

    return [place(value) for value in values], FloatDistribution(0.0, 1.0)


def _share(value: float, low: float, high: float, *, log: bool) -> float:
    if high <= low:
        return 0.0
    if log:
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)


def is_log(name: str, space: SearchSpace | None) -> bool:
    """Whether a hyperparameter is drawn log-uniformly."""
    known = None if space is None else space.distributions.get(name)
    return isinstance(known, FloatDistribution) and known.log
