"""What a replay came to: compute to a target, the best for so much compute, medians with their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from replaying.curves import AXES, Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import numpy.typing as npt

    from replaying.simulator import Finish

FULL_TRIALS = 50  # the random search that is the measure
WORTHS = (5, 10, 20, 50)  # full trials' worth of compute
COUNTS = (10, 20, 50, 100)  # finished trials
BOOTSTRAP = 1000


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What 50 full random trials come to.

    Attributes:
        target: The median of their best values.
        mean: The mean of their best values.
        cost: The mean of their costs; repeats cost nothing, here and everywhere.
    """

    target: float
    mean: float
    cost: Cost

    def share(self, spent: Cost, axis: str) -> float:
        """A cost as a share of theirs."""
        return float(getattr(spent, axis) / getattr(self.cost, axis))

    def least_share(self, spent: Cost) -> float:
        """On the axis where it is least."""
        return min(self.share(spent, axis) for axis in AXES)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One replay in figures.

    Attributes:
        to_target: Share of the reference's compute after which the target was reached, by axis; infinite if never.
        clock_to_target: Simulated seconds until then.
        best_for: Best value for so many full trials' worth of FLOPs; NaN where nothing was complete.
        best_after: Best value after so many finished trials; NaN if there were fewer.
        share_after: Share of the reference's FLOPs that these took.
    """

    to_target: dict[str, float]
    clock_to_target: float
    best_for: dict[int, float]
    best_after: dict[int, float]
    share_after: dict[int, float]


@dataclass(frozen=True, kw_only=True)
class Extent:
    """When the figures of a replay are known; shares are of the compute of 50 full random trials.

    Attributes:
        compare: Up to here best values are compared.
        give_up: After so much the target is not waited for.
        finished: If given, only so many finished trials are looked at.
    """

    compare: float = 0.0
    give_up: float = 0.0
    finished: int | None = None

    def stop(self, reference: Reference) -> Callable[[Finish], bool]:
        """What says after each end whether that is enough."""
        reached, finished = False, 0

        def is_enough(finish: Finish) -> bool:
            nonlocal reached, finished
            finished += 1
            if self.finished is not None:
                return finished >= self.finished
            reached = reached or (finish.value is not None and finish.value >= reference.target)
            return reference.least_share(finish.spent) >= (self.compare if reached else self.give_up)

        return is_enough


def outcome(course: Iterable[Finish], reference: Reference) -> Outcome:
    """Read the figures off the ends of a replay, in their order."""
    best = math.nan
    to_target, clock = dict.fromkeys(AXES, math.inf), math.inf
    best_for = dict.fromkeys(range(1, FULL_TRIALS + 1), math.nan)
    best_after, share_after = dict.fromkeys(COUNTS, math.nan), dict.fromkeys(COUNTS, math.nan)
    share = 0.0
    for finished, end in enumerate(course, 1):
        if end.value is not None:
            best = end.value if math.isnan(best) else max(best, end.value)
        share = reference.share(end.spent, "flops")
        for worth in best_for:
            if share <= worth / FULL_TRIALS + 1e-9:
                best_for[worth] = best
        if finished in best_after:
            best_after[finished], share_after[finished] = best, share
        if clock == math.inf and best >= reference.target:
            to_target, clock = {axis: reference.share(end.spent, axis) for axis in AXES}, end.clock
    for worth in best_for:  # a replay that was stopped says nothing about what more compute had found
        if share < worth / FULL_TRIALS - 1e-9:
            best_for[worth] = math.nan
    return Outcome(
        to_target=to_target, clock_to_target=clock, best_for=best_for, best_after=best_after, share_after=share_after
    )


def mean_crossing(outcomes: Sequence[Outcome], reference: Reference) -> Median:
    """The share of FLOPs at which the mean of the best values comes to the reference's mean, with its interval.

    Unlike the compute of single replays until the target, it does not hang on which one of two recorded curves, a
    tenth of a point apart, is found.
    """
    best = np.array([list(each.best_for.values()) for each in outcomes])
    draws = np.random.default_rng(0).integers(0, len(best), (BOOTSTRAP, len(best)))

    def crossing(means: npt.NDArray[np.float64]) -> float:
        there = np.flatnonzero(means >= reference.mean)  # NaN is not
        return float(there[0] + 1) / FULL_TRIALS if len(there) else math.inf

    crossings = sorted(crossing(best[draw].mean(axis=0)) for draw in draws)
    low, high = crossings[int(0.025 * BOOTSTRAP)], crossings[int(0.975 * BOOTSTRAP) - 1]
    return Median(value=crossing(best.mean(axis=0)), low=low, high=high)


@dataclass(frozen=True, kw_only=True)
class Median:
    """A median with its 95 % bootstrap interval; infinite where too many replays never got there."""

    value: float
    low: float
    high: float

    def show(self, digits: int = 2, *, beyond: str = "never") -> str:
        """As text."""
        if math.isnan(self.value):
            return "-"
        if math.isinf(self.value):
            return beyond
        high = beyond if math.isinf(self.high) else f"{self.high:.{digits}f}"
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {high})"


def median(values: Sequence[float]) -> Median:
    """The median of the values that are there, NaN being none; fewer than half of them say nothing."""
    found = np.array([value for value in values if not math.isnan(value)])
    if len(found) * 2 < len(values) or not len(found):
        return Median(value=math.nan, low=math.nan, high=math.nan)
    draws = np.random.default_rng(0).integers(0, len(found), (BOOTSTRAP, len(found)))
    # The nearest value, not the mean of two: one of them may be infinite.
    medians = np.sort(np.quantile(found[draws], 0.5, axis=1, method="higher"))
    return Median(
        value=float(np.quantile(found, 0.5, method="higher")),
        low=float(medians[int(0.025 * BOOTSTRAP)]),
        high=float(medians[int(0.975 * BOOTSTRAP) - 1]),
    )
