"""How long a study will take on this machine, from the speed last measured here."""

import json
import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import optuna

from search_spaces import SearchSpace
from search_spaces.plan import LayerPlan
from sweep.affordable import bounds_of, plan_of, within_limits
from sweep.identity import Identity
from sweep.messages import Result
from sweep.samplers import BoundedSampler

FORWARD_SHARE = 1 / 3  # a forward pass costs a third of a training step: forward, and two gradients
DRAWN_PLANS = 8
HEAD, FROZEN = "/head", "/frozen"  # kinds of speeds, beside that of whole networks
TRIAL_SECONDS = 4.0  # building and tracing a network, measured on two cores

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What is still ahead of a study.

    Attributes:
        wanted: Trials still to be finished.
        enqueued: Names of reported experiments and first trials that wait or are about to, in their order.
        done: Names of those that are finished.
        train: Training images.
        validation: Validation images.
    """

    wanted: int
    enqueued: tuple[str, ...]
    done: frozenset[str]
    train: int
    validation: int


class Estimator:
    """Remembers multiply-accumulates per second, per family: layers of different shapes differ.

    Networks that are trained whole, heads that are trained behind a frozen backbone, and backbones whose features are
    computed have speeds of their own.

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
        """Forward multiply-accumulates per second of images on which whole networks are trained; None if unknown."""
        return self._rates.get(self._key)

    @property
    def head_macs_per_second(self) -> float | None:
        """Likewise of heads; before one was trained, at the speed of what was measured."""
        frozen = self._rates.get(self._key + FROZEN)
        return self._rates.get(self._key + HEAD) or (frozen and frozen * FORWARD_SHARE) or self.macs_per_second

    @property
    def frozen_macs_per_second(self) -> float | None:
        """Multiply-accumulates per second of images whose features are computed; before that, as training goes."""
        trained = self.macs_per_second
        return self._rates.get(self._key + FROZEN) or (trained and trained / FORWARD_SHARE)

    def learn(self, plan: LayerPlan, images_per_second: float | None, *, frozen: bool = False) -> None:
        """Take a first speed from a trial that is under way.

        Args:
            plan: Its network.
            images_per_second: Its speed, or None before it is known.
            frozen: Whether features are being computed; False (default): it trains.
        """
        kind, macs = (FROZEN, plan.frozen_macs) if frozen else _trained(plan)
        if images_per_second and self._key + kind not in self._rates:
            self._rates[self._key + kind] = images_per_second * macs

    def remember(self, plan: LayerPlan, result: Result) -> None:
        """Keep the speeds of a finished trial for later runs; where that fails, this one knows them all the same."""
        kind, macs = _trained(plan)
        measured = {}
        if result.images_per_second:
            measured[self._key + kind] = result.images_per_second * macs
        if result.features_images and result.features_seconds:
            measured[self._key + FROZEN] = result.features_images * plan.frozen_macs / result.features_seconds
        if measured:
            self._rates |= measured
            self._keep(measured)

    def trial_seconds(self, plan: LayerPlan, identity: Identity, *, train: int, validation: int) -> float | None:
        """Seconds one trial takes at most, if it trains all its epochs; None before a speed is known.

        A frozen backbone costs it nothing: its features are there.

        Args:
            plan: The network.
            identity: Its epochs.
            train: Training images.
            validation: Validation images.
        """
        rate = self.macs_per_second if plan.backbone is None else self.head_macs_per_second
        if rate is None:
            return None
        images = identity.epochs * (train + validation * FORWARD_SHARE)
        return TRIAL_SECONDS + images * plan.head_macs / rate

    def features_seconds(self, plan: LayerPlan, *, images: int) -> float:
        """Seconds that computing a backbone's features takes; 0 before a speed is known, for then they were there.

        Args:
            plan: A network with the backbone.
            images: Images, one that is computed in two precisions twice.
        """
        return images * plan.frozen_macs / self.frozen_macs_per_second if self.frozen_macs_per_second else 0.0

    def _keep(self, measured: dict[str, float]) -> None:
        # In containers that share a home every worker may be process 1.
        draft = self._path.with_name(f".{self._path.name}.{uuid.uuid4().hex}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(_read(self._path) | measured, indent=1, sort_keys=True))
            draft.replace(self._path)
        except OSError as error:  # a full disk, a folder of somebody else's: no trial is lost for it
            log.warning("the speed of a trial was not kept: %s", error)
        finally:
            with suppress(OSError):
                draft.unlink(missing_ok=True)


def typical_plans(space: SearchSpace, identity: Identity) -> list[LayerPlan]:
    """Networks whose mean cost stands for the space: a few drawn from it at random, the same ones every time.

    Of those drawn, what has no network on the study's images is left out: its trials cost nothing.
    """
    bounds = bounds_of(space, identity)
    sampler = optuna.samplers.RandomSampler(seed=0) if bounds is None else BoundedSampler(bounds, seed=0)
    study = optuna.create_study(sampler=sampler)
    drawn = [space.suggest(study.ask()) for _ in range(DRAWN_PLANS)]
    plans = (plan_of(configuration, identity.image_shape, len(identity.labels)) for configuration in drawn)
    return [plan for plan in plans if plan is not None]


def study_seconds(estimator: Estimator, space: SearchSpace, identity: Identity, counts: Counts) -> float | None:
    """Seconds the trials that are still wanted take at most, one after the other; None before a speed is known."""
    shape, classes = identity.image_shape, len(identity.labels)
    within = within_limits(space.experiments, space, identity)
    made = {each.id: plan_of(space.from_dict(each.configuration), shape, classes) for each in within}
    plans = {name: plan for name, plan in made.items() if plan is not None}
    ahead = [plans[name] for name in counts.enqueued if name in plans][: counts.wanted]
    seconds = 0.0
    drawn = typical_plans(space, identity)
    for plan, times in [(plan, 1.0) for plan in ahead] + [
        (plan, (counts.wanted - len(ahead)) / len(drawn)) for plan in drawn
    ]:
        of_trial = estimator.trial_seconds(plan, identity, train=counts.train, validation=counts.validation)
        if of_trial is None:
            return None
        seconds += times * of_trial
    # Each backbone's features once; those of finished experiments are there.
    before = {plan.backbone for name, plan in plans.items() if name in counts.done}
    coming = ahead + (drawn if counts.wanted > len(ahead) else [])
    for plan in {plan.backbone: plan for plan in coming if plan.backbone not in before | {None}}.values():
        seconds += estimator.features_seconds(plan, images=counts.train + 2 * counts.validation)
    return seconds


def _trained(plan: LayerPlan) -> tuple[str, int]:
    """The kind of speed at which a plan is trained, and the multiply-accumulates of what is trained."""
    return ("" if plan.backbone is None else HEAD), plan.head_macs


def _read(path: Path) -> dict[str, float]:
    try:
        return {str(name): float(rate) for name, rate in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}
