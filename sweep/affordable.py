"""Which networks of a search space keep to a study's limits, by trying what it offers."""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from search_spaces import (
    Choice,
    Configuration,
    ConfigurationError,
    FirstTrial,
    Optional,
    ReportedExperiment,
    SearchSpace,
    Switch,
    Uniform,
)
from search_spaces.configuration import parameters_of
from search_spaces.plan import LayerPlan
from sweep.errors import UsageError
from sweep.identity import Identity
from sweep.limits import NetworkLimits
from sweep.samplers import Bounds
from sweep.titles import describe

if TYPE_CHECKING:
    from sweep.past import Past

MOST_NETWORKS = 10_000  # of one family: half a second
PROBES = 8  # configurations from which each parameter is varied, to see whether it costs anything

Values = Mapping[str, Any]
Shape = tuple[int, int, int]
Experiment = ReportedExperiment | FirstTrial


@dataclass(frozen=True, kw_only=True)
class Network:
    """One network of a space, with what it costs."""

    configuration: Configuration
    plan: LayerPlan

    @property
    def in_words(self) -> str:
        """Its family and parameters."""
        return f"{self.configuration.family}: {describe(self.configuration.to_dict())}"


def plan_of(configuration: Configuration, image_shape: Shape, classes: int) -> LayerPlan | None:
    """A configuration's network, or None where it has none on such images."""
    try:
        return configuration.plan(image_shape, classes)
    except Exception:  # noqa: BLE001 - a family's own code, perhaps from another package; whoever trains it says so
        return None


def bounds_of(space: SearchSpace, identity: Identity, past: "Past | None" = None) -> Bounds | None:
    """What a study's sampler may propose; None where the study has no limits.

    Args:
        space: The search space.
        identity: The study's terms.
        past: Its finished trials, some of which may have measured networks that are too slow. Default: None.
    """
    limits, shape, classes = NetworkLimits.of(identity), identity.image_shape, len(identity.labels)
    if not limits.any:
        return None

    def is_within(plan: LayerPlan | None) -> bool:
        if plan is None:
            return True  # whoever trains it says what is wrong with it
        slow = past is not None and limits.latency is not None and past.too_slow(plan) is not None
        return limits.excess(plan) is None and not slow

    def is_allowed(params: Values) -> bool:
        try:
            return is_within(plan_of(space.from_params(params), shape, classes))
        except ConfigurationError:  # no whole configuration
            return True

    def stand_ins() -> list[dict[str, Any]]:
        networks = networks_of(space, limits, shape, classes)
        return [space.to_params(each.configuration) for each in networks if is_within(each.plan)]

    return Bounds(distributions=space.distributions, is_allowed=is_allowed, stand_ins=stand_ins)


@lru_cache(maxsize=4)
def networks_of(space: SearchSpace, limits: NetworkLimits, image_shape: Shape, classes: int) -> tuple[Network, ...]:
    """The networks of different cost that a space offers.

    Choices are all tried; of numbers both ends and the middle. What costs nothing is left at one value.

    Args:
        space: The search space.
        limits: Of a family with too many to try all, only what comes nearest to them is found: one parameter after
            the other is changed, which finds the smallest where more of anything costs more.
        image_shape: Height, width and channels of one image.
        classes: Number of classes.
    """
    found: list[Network] = []
    for family in space.families:
        found += _networks_of_family(family, limits, image_shape, classes)
    return tuple(found)


def excess_of(configuration: Configuration, identity: Identity) -> str | None:
    """Why a configuration's network is above a study's limits, see `NetworkLimits.excess`."""
    limits = NetworkLimits.of(identity)
    if limits.macs is None and limits.parameters is None:
        return None
    plan = plan_of(configuration, identity.image_shape, len(identity.labels))
    return None if plan is None else limits.excess(plan)


def within_limits(offered: Sequence[Experiment], space: SearchSpace, identity: Identity) -> tuple[Experiment, ...]:
    """Those of a space's reported experiments or first trials whose networks keep to a study's limits."""
    return tuple(each for each in offered if excess_of(space.from_dict(each.configuration), identity) is None)


def refuse_unmeetable_limits(space: SearchSpace, limits: NetworkLimits, image_shape: Shape, classes: int) -> None:
    """Refuse limits that no network of the space meets; latency is not known before it is measured.

    Raises:
        UsageError: The message has the smallest network, and what it needs.
    """
    if limits.macs is None and limits.parameters is None:
        return
    networks = networks_of(space, limits, image_shape, classes)
    if not networks or any(limits.excess(network.plan) is None for network in networks):
        return
    problems = []
    for alone in (NetworkLimits(macs=limits.macs), NetworkLimits(parameters=limits.parameters)):
        least = min(networks, key=lambda network: _share(network.plan, alone))
        excess = alone.excess(least.plan)
        if excess is not None:
            problems.append(f"The smallest has {excess} ({least.in_words}).")
    if not problems:
        nearest = min(networks, key=lambda network: _share(network.plan, limits))
        problems.append(
            f"Each limit can be met, but not both at once. The nearest has {nearest.plan.forward_macs:,} "
            f"multiply-accumulates and {nearest.plan.parameters:,} parameters: "
            f"{limits.excess(nearest.plan)} ({nearest.in_words})."
        )
    raise UsageError(
        f"No network of '{space.name}' keeps to the limits. {' '.join(problems)} "
        "Raise the limit, or choose another --family."
    )


def _networks_of_family(
    family: type[Configuration], limits: NetworkLimits, image_shape: Shape, classes: int
) -> list[Network]:
    def network(values: Values) -> Network | None:
        try:
            configuration = family(**values)
        except ValueError:
            return None
        plan = plan_of(configuration, image_shape, classes)
        return None if plan is None else Network(configuration=configuration, plan=plan)

    offered = {name: _values_of(name, kind) for name, kind in parameters_of(family).items()}
    first = {name: values[0] for name, values in offered.items()}
    costing = {name: offered[name] for name in _costing(offered, network)}
    if math.prod(len(values) for values in costing.values()) > MOST_NETWORKS:
        return [found for found in [_nearest(first, costing, network, limits)] if found is not None]
    combinations = itertools.product(*costing.values())
    tried = (network(first | dict(zip(costing, each, strict=True))) for each in combinations)
    return [found for found in tried if found is not None]


def _values_of(name: str, kind: Any) -> Sequence[Any]:
    """Values to try; the first of them costs nothing where there is such a thing."""
    match kind:
        case Choice(values=values):
            return values
        case Switch():
            return (False, True)
        case Uniform():
            return (kind.low, kind.inert, kind.high)
        case Optional(number=number):
            return (None, number.low, number.inert, number.high)
        case _:
            return (kind.from_params(name, kind.inert_params(name)),)


def _costing(offered: Mapping[str, Sequence[Any]], network: Callable[[Values], Network | None]) -> list[str]:
    """The parameters that change what a network costs."""
    chance = random.Random(0)  # noqa: S311 - the same probes every time
    probes = [{name: values[index] for name, values in offered.items()} for index in (0, -1)]
    probes += [{name: chance.choice(values) for name, values in offered.items()} for _ in range(PROBES - len(probes))]
    return [
        name
        for name, values in offered.items()
        if any(len({_cost(network(probe | {name: value})) for value in values}) > 1 for probe in probes)
    ]


def _nearest(
    first: Values,
    costing: Mapping[str, Sequence[Any]],
    network: Callable[[Values], Network | None],
    limits: NetworkLimits,
) -> Network | None:
    """The network that is nearest to the limits, or below them: each parameter in turn, until none makes it smaller."""

    def share(values: Values) -> float:
        found = network(values)
        return math.inf if found is None else _share(found.plan, limits)

    best, before = dict(first), math.nan
    while share(best) != before:
        before = share(best)
        for name, values in costing.items():
            best = min((best | {name: value} for value in values), key=share)
    return network(best)


def _cost(network: Network | None) -> tuple[int, int] | None:
    return None if network is None else (network.plan.forward_macs, network.plan.parameters)


def _share(plan: LayerPlan, limits: NetworkLimits) -> float:
    """How much of the tightest limit a network takes: above 1 it is too large."""
    if limits.macs is None and limits.parameters is None:
        return float(plan.forward_macs)  # the best guess at what is fast
    return max(plan.forward_macs / (limits.macs or math.inf), plan.parameters / (limits.parameters or math.inf))
