"""The reported experiments beside what a study made of them: reported, reproduced, difference, verdict."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from statistics import correlation
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Alternative, ReportedExperiment, ReportedMetrics, UnknownFamilyError
from sweep.baseline_notes import of_finished, of_starting_point, of_unfinished
from sweep.errors import UsageError
from sweep.identity import Identity, read_identity

TOLERANCE = 0.5  # points; at 94 % the standard error over 10,000 test images is 0.24, before any noise of training
FEWEST_RANKS = 3  # two experiments are always in perfect order, or in perfectly wrong order
SLACK = 1e-5  # points; float32 stores 0.924 as 0.92400002, and one of 10,000 images is 0.01


class Verdict(StrEnum):
    """What a reproduction came to."""

    REPRODUCED = "reproduced"
    BETTER = "better"
    WORSE = "worse"
    BETWEEN = "between"
    QUICK_LOOK = "quick look"
    NOT_RUN = "not run"


@dataclass(frozen=True, kw_only=True)
class ReproducedMetrics:
    """What a finished trial measured on the test images; None for what it did not record.

    Attributes: as those of `ReportedMetrics`.
    """

    test_accuracy: float
    test_loss: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    rmse: float | None = None


@dataclass(frozen=True, kw_only=True)
class SecondValue:
    """A second value that the report gives for a metric.

    Attributes:
        metric, value, reason: As in the reported experiment's `Alternative`.
        met: Which of the report's two values the reproduction is within the tolerance of: none, one or both, the
            table's first. None where that is not judged: only test accuracy is, and only with a verdict.
    """

    metric: str
    value: float
    reason: str
    met: tuple[float, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A reported experiment and its reproduction.

    Attributes:
        id: The experiment's name, such as `isolated-3`.
        family: The family it belongs to.
        configuration: Its hyperparameters and its family, as they were reported.
        reported: The row of the report's table.
        reproduced: What the trial measured on the test images, or None if none finished.
        difference: Reproduced minus reported test accuracy in percentage points, or None.
        verdict: None for a finished trial that cannot be judged by the report; a note says why.
        trial: Number of the finished trial, else of the latest attempt; None if the study has none.
        state: That trial's state, as Optuna spells it.
        failure: Kind of failure if that trial failed.
        alternatives: Second values where the report contradicts itself.
        notes: Sentences for people.
    """

    id: str
    family: str
    configuration: Mapping[str, object]
    reported: ReportedMetrics
    reproduced: ReproducedMetrics | None = None
    difference: float | None = None
    verdict: Verdict | None
    trial: int | None = None
    state: str | None = None
    failure: str | None = None
    alternatives: tuple[SecondValue, ...] = ()
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As `sweep baselines --json` lists it; the notes are one text under `note`, or None."""
        document = asdict(self)
        return document | {"note": " ".join(document.pop("notes")) or None}


def compare(study: optuna.Study, *, tolerance: float = TOLERANCE) -> tuple[Comparison, ...]:
    """Hold a study's reported experiments against the report.

    The verdict is on test accuracy alone. A quick look gets none. Nor does an experiment that the study trained on
    other images, from other weights than ImageNet's, or by another recipe: it is a starting point there, its
    `verdict` is None, and a note says why.

    Args:
        study: The study.
        tolerance: A test accuracy so many percentage points from the reported one is still the same, 0 to 100.
            Default: 0.5.

    Returns:
        One comparison per reported experiment of the study's search space, in the report's order. Empty if
        nothing was reported for it; `why_nothing` says why that is.

    Raises:
        UsageError: If the tolerance makes no sense.
    """
    if not 0 <= tolerance <= 100:  # NaN is neither
        raise UsageError(
            "The tolerance is a difference in test accuracy, expected between 0 and 100 percentage points. "
            f"Received: {tolerance}. Leave it out for {TOLERANCE}."
        )
    identity = read_identity(study)
    experiments = () if identity is None else _reported(identity)
    if identity is None or not experiments:
        return ()
    attempts: dict[object, list[FrozenTrial]] = defaultdict(list)
    for trial in study.get_trials(deepcopy=False):
        attempts[trial.user_attrs.get("baseline")].append(trial)
    return tuple(_compare(each, attempts[each.id], identity, tolerance) for each in experiments)


def why_nothing(study: optuna.Study) -> str:
    """Why `compare` has nothing to compare in a study, as a sentence for people."""
    identity = read_identity(study)
    if identity is None:
        return f"Study '{study.study_name}' was not made by sweep: nothing was reported for it."
    try:
        _ = identity.search_space
    except UnknownFamilyError as error:
        return f"{error} Study '{study.study_name}' is of it: install it to compare."
    return f"No experiments were reported for family '{identity.family}': there is nothing to compare."


def rank_correlation(comparisons: Iterable[Comparison]) -> float | None:
    """Spearman's rank correlation between reported and reproduced test accuracy, -1 to 1.

    Of an experiment for which the report gives two values, the table's counts.

    Returns:
        None if fewer than three experiments were run, or all have the same accuracy.
    """
    pairs = [(each.reported.test_accuracy, each.reproduced.test_accuracy) for each in comparisons if each.reproduced]
    if len(pairs) < FEWEST_RANKS or any(len(set(column)) == 1 for column in zip(*pairs, strict=True)):
        return None
    reported, reproduced = (_ranks(column) for column in zip(*pairs, strict=True))
    return correlation(reported, reproduced)


def _ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in ascending order, from 1; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) + 1) / 2 for value in values]


def _reported(identity: Identity) -> tuple[ReportedExperiment, ...]:
    try:
        return identity.search_space.reported
    except UnknownFamilyError:
        return ()  # a registered family that is not installed here


def _compare(
    experiment: ReportedExperiment, attempts: Sequence[FrozenTrial], identity: Identity, tolerance: float
) -> Comparison:
    measured = [(trial, metrics) for trial in attempts if (metrics := _metrics(trial)) is not None]
    facts: dict[str, Any] = {
        "id": experiment.id,
        "family": experiment.family,
        "configuration": dict(experiment.configuration),
        "reported": experiment.metrics,
        "alternatives": tuple(_second_value(each) for each in experiment.alternatives),
    }
    starting_point = of_starting_point(experiment, identity)
    if not measured:
        latest = attempts[-1] if attempts else None
        return Comparison(
            **facts,
            verdict=Verdict.NOT_RUN,
            trial=None if latest is None else latest.number,
            state=None if latest is None else latest.state.name,
            failure=None if latest is None else latest.user_attrs.get("failure"),
            notes=starting_point + of_unfinished(attempts),
        )
    trial, metrics = measured[0]
    facts |= {
        "reproduced": metrics,
        "difference": _points(metrics.test_accuracy - experiment.metrics.test_accuracy),
        "trial": trial.number,
        "state": trial.state.name,
    }
    notes = starting_point + of_finished([trial for trial, _ in measured])
    if identity.quick_look or trial.user_attrs.get("quick_look"):
        return Comparison(**facts, verdict=Verdict.QUICK_LOOK, notes=notes)
    if starting_point:
        return Comparison(**facts, verdict=None, notes=notes)
    second = experiment.alternative("test_accuracy")
    values = (experiment.metrics.test_accuracy, *(() if second is None else (second.value,)))
    verdict, met = judge(metrics.test_accuracy, values, tolerance)
    if second is not None:
        notes = (which_was_met(verdict, met, values), *notes)
        facts["alternatives"] = tuple(
            _second_value(each, met if each is second else None) for each in experiment.alternatives
        )
    return Comparison(**facts, verdict=verdict, notes=notes)


def _metrics(trial: FrozenTrial) -> ReproducedMetrics | None:
    """The test metrics of a complete trial; one that repeats an earlier trial carries that one's."""
    measured = {name: _number(trial.user_attrs.get(f"test_{name}")) for name in ("precision", "recall", "f1", "rmse")}
    accuracy = _number(trial.user_attrs.get("test_accuracy"))
    if trial.state is not TrialState.COMPLETE or accuracy is None or not math.isfinite(accuracy):
        return None
    return ReproducedMetrics(test_accuracy=accuracy, test_loss=_number(trial.user_attrs.get("test_loss")), **measured)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _points(share: float) -> float:
    return round(100 * share, 9)  # what binary fractions add is cut off: 0.924 - 0.919 are 0.5 points


def judge(accuracy: float, values: Sequence[float], tolerance: float) -> tuple[Verdict, tuple[float, ...]]:
    """The verdict on a test accuracy against every value that was reported, and the values met.

    Args:
        accuracy: 0 to 1.
        values: The table's, and a second one where the report has it.
        tolerance: Percentage points.
    """
    differences = {value: _points(accuracy - value) for value in values}
    met = tuple(value for value, difference in differences.items() if abs(difference) <= tolerance + SLACK)
    if met:
        return Verdict.REPRODUCED, met
    if all(difference > 0 for difference in differences.values()):
        return Verdict.BETTER, met
    if all(difference < 0 for difference in differences.values()):
        return Verdict.WORSE, met
    return Verdict.BETWEEN, met


def _second_value(alternative: Alternative, met: tuple[float, ...] | None = None) -> SecondValue:
    return SecondValue(metric=alternative.metric, value=alternative.value, reason=alternative.reason, met=met)


def which_was_met(verdict: Verdict, met: Sequence[float], values: Sequence[float]) -> str:
    """Which of the report's two values was met, as a sentence for people."""
    table, second = values
    if verdict is Verdict.REPRODUCED:
        if len(met) > 1:
            return f"Meets both reported values, {table} and {second}."
        other = second if met[0] == table else table
        return f"Meets {met[0]}, not {other}, of the two reported values."
    place = {Verdict.BETTER: "Above", Verdict.WORSE: "Below"}.get(verdict, "Between")
    return f"{place} the two reported values, {table} and {second}, and meets neither."
