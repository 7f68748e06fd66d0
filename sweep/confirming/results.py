"""What came of the confirmations: mean and standard deviation over seeds, and the difference to the best reported."""

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.confirming.bootstrap import Difference, bootstrap_difference
from sweep.test_classes import TEST_CLASSES, unpack


@dataclass(frozen=True, kw_only=True)
class SeedResult:
    """One training.

    Attributes:
        seed: Its seed.
        trial: Its number in the confirming study.
        val_accuracy, test_accuracy: 0 to 1, of the best epoch in float32.
        best_epoch: Counted from 1.
        taken_over: Whether it is the confirmed study's own training, measured here.
    """

    seed: int
    trial: int
    val_accuracy: float
    test_accuracy: float
    best_epoch: int
    taken_over: bool


@dataclass(frozen=True, kw_only=True)
class Spread:
    """Mean and standard deviation over seeds.

    Attributes:
        mean: 0 to 1.
        std: Of the sample, with one degree of freedom taken; None for a single seed.
    """

    mean: float
    std: float | None


@dataclass(frozen=True, kw_only=True)
class Confirmation:
    """A finalist with all its seeds so far.

    Attributes:
        trial: Its number in the study that is confirmed.
        baseline: The reported experiment it is, or None.
        config: Its configuration.
        seeds: Ordered by seed.
        missing: Seeds that wait, run or failed.
        validation, test: Accuracies.
        epochs: Median of the best epochs.
        difference: Of its test accuracy to the best reported experiment's, or None for that one itself.
        against: Which experiment that is.
        hits: Whether each test image was recognised, shape (seeds, n).
    """

    trial: int
    baseline: str | None
    config: dict[str, Any]
    seeds: tuple[SeedResult, ...]
    missing: tuple[int, ...]
    validation: Spread
    test: Spread
    epochs: int
    difference: Difference | None = None
    against: str | None = None
    hits: npt.NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As `sweep confirm --json` lists it."""
        document = asdict(self)
        del document["hits"]
        if self.difference is not None:
            document["difference"]["distinguishable"] = self.difference.distinguishable
        return document


def confirmations(study: optuna.Study) -> list[Confirmation]:
    """What a confirming study holds so far, the best mean validation accuracy first.

    Args:
        study: The confirming study.
    """
    by_finalist: dict[int, list[FrozenTrial]] = defaultdict(list)
    for trial in study.get_trials(deepcopy=False):
        if "confirms" in trial.user_attrs:
            by_finalist[trial.user_attrs["confirms"]].append(trial)
    found = [_confirmation(number, trials) for number, trials in by_finalist.items()]
    ranked = sorted((each for each in found if each), key=lambda each: (-each.validation.mean, each.trial))
    best_reported = next((each for each in ranked if each.baseline is not None), None)
    return [_compared(each, best_reported) for each in ranked]


def _confirmation(number: int, trials: list[FrozenTrial]) -> Confirmation | None:
    complete = {
        trial.user_attrs["seed"]: trial
        for trial in reversed(trials)
        if trial.state is TrialState.COMPLETE and "test_accuracy" in trial.user_attrs
    }
    if not complete:
        return None
    ordered = [complete[seed] for seed in sorted(complete)]
    seeds = tuple(
        SeedResult(
            seed=trial.user_attrs["seed"],
            trial=trial.number,
            val_accuracy=trial.user_attrs["val_accuracy"],
            test_accuracy=trial.user_attrs["test_accuracy"],
            best_epoch=trial.user_attrs["best_epoch"],
            taken_over=bool(trial.user_attrs.get("taken_over")),
        )
        for trial in ordered
    )
    wanted = {trial.user_attrs["seed"] for trial in trials}
    return Confirmation(
        trial=number,
        baseline=trials[0].user_attrs.get("baseline"),
        config=ordered[0].user_attrs["config"],
        seeds=seeds,
        missing=tuple(sorted(wanted - complete.keys())),
        validation=_spread([each.val_accuracy for each in seeds]),
        test=_spread([each.test_accuracy for each in seeds]),
        epochs=max(1, round(median(each.best_epoch for each in seeds))),
        hits=_hits(ordered),
    )


def _hits(trials: list[FrozenTrial]) -> npt.NDArray[np.bool_] | None:
    """Whether each test image was recognised, shape (seeds, n); None where that is not known of the same images."""
    known = [unpack(trial.user_attrs[TEST_CLASSES]) for trial in trials if TEST_CLASSES in trial.user_attrs]
    if len(known) < len(trials) or any(not np.array_equal(true, known[0][0]) for true, _ in known):
        return None
    return np.stack([true == predicted for true, predicted in known])


def _spread(values: list[float]) -> Spread:
    return Spread(mean=mean(values), std=stdev(values) if len(values) > 1 else None)


def _compared(each: Confirmation, best_reported: Confirmation | None) -> Confirmation:
    if best_reported is None or each is best_reported or each.hits is None or best_reported.hits is None:
        return each
    difference = bootstrap_difference(each.hits, best_reported.hits)
    facts = {name: getattr(each, name) for name in each.__dataclass_fields__}
    return Confirmation(**(facts | {"difference": difference, "against": best_reported.baseline}))
