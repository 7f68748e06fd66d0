"""How long a study will take on this machine, from the speed last measured here."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import optuna

from search_spaces import SearchSpace
from search_spaces.plan import LayerPlan
from sweep.identity import Identity
from sweep.messages import Result

FORWARD_SHARE = 1 / 3  # a forward pass costs a third of a training step: forward, and two gradients
DRAWN_PLANS = 8
TRIAL_SECONDS = 4.0  # building and tracing a network, measured on two cores


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What is still ahead of a study.

    Attributes:
        wanted: Trials still to be finished.
        baselines_done: Reported experiments that are finished.
        train: Training images.
        validation: Validation images.
    """

    wanted: int
    baselines_done: int
    train: int
    validation: int


class Estimator:
    """Remembers multiply-accumulates per second in training, per family: layers of different shapes differ.

    Args:
        path: JSON file in the home; a missing or unreadable one is an empty one.
        family: Name of the search space.
        precision: As asked for: `auto` is a speed of its own.
    """

    def __init__(self, path: Path, *, family: str, precision: str) -> None:
        self._path = path
        self._key = f"{family}/{precision}"
        self._rates = _read(path)

    @property
    def macs_per_second(self) -> float | None:
        """Forward multiply-accumulates of training images per second, or None if nothing was measured yet."""
        return self._rates.get(self._key)

    def learn(self, plan: LayerPlan, images_per_second: float | None) -> None:
        """Take a first speed from a trial that is under way."""
        if images_per_second and self._key not in self._rates:
            self._rates[self._key] = images_per_second * plan.forward_macs

    def remember(self, plan: LayerPlan, result: Result) -> None:
        """Keep the speed of a finished trial for later runs."""
        if result.images_per_second:
            rates = _read(self._path)
            self._rates[self._key] = rates[self._key] = result.images_per_second * plan.forward_macs
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_suffix(f".{os.getpid()}")
            draft.write_text(json.dumps(rates, indent=1, sort_keys=True))
            draft.replace(self._path)

    def trial_seconds(self, plan: LayerPlan, identity: Identity, *, train: int, validation: int) -> float | None:
        """Seconds one trial takes at most, if it trains all its epochs; None before a speed is known.

        Args:
            plan: The network.
            identity: Its epochs.
            train: Training images.
            validation: Validation images.
        """
        if self.macs_per_second is None:
            return None
        images = identity.epochs * (train + validation * FORWARD_SHARE)
        return TRIAL_SECONDS + images * plan.forward_macs / self.macs_per_second


def typical_plans(space: SearchSpace, identity: Identity) -> list[LayerPlan]:
    """Networks whose mean cost stands for the space: a few drawn from it at random, the same ones every time."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [space.suggest(study.ask()) for _ in range(DRAWN_PLANS)]
    return [configuration.plan(identity.image_shape, len(identity.labels)) for configuration in drawn]


def study_seconds(estimator: Estimator, space: SearchSpace, identity: Identity, counts: Counts) -> float | None:
    """Seconds the trials that are still wanted take at most, one after the other; None before a speed is known."""
    shape, classes = identity.image_shape, len(identity.labels)
    reported = [space.from_dict(each.configuration).plan(shape, classes) for each in space.reported]
    ahead = reported[counts.baselines_done :][: counts.wanted]
    seconds = 0.0
    drawn = typical_plans(space, identity)
    for plan, times in [(plan, 1.0) for plan in ahead] + [
        (plan, (counts.wanted - len(ahead)) / len(drawn)) for plan in drawn
    ]:
        of_trial = estimator.trial_seconds(plan, identity, train=counts.train, validation=counts.validation)
        if of_trial is None:
            return None
        seconds += times * of_trial
    return seconds


def _read(path: Path) -> dict[str, float]:
    try:
        return {str(name): float(rate) for name, rate in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
