"""From what a system reported to best-so-far curves, times to a target, and medians over repeats."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Curve = tuple[tuple[float, float], ...]  # seconds and the best validation accuracy from then on, each better


@dataclass(frozen=True, kw_only=True)
class Run:
    """One system's attempt.

    Attributes:
        system: Which.
        repeat: Number of the repeat, from 0.
        seed: Of the split and the sampler.
        limit_seconds: Time it had, imports and start-up included.
        curve: Its best-so-far curve.
        trials: Trials that ended in time, those cut short by the system's own decision included.
        epochs: Epochs that ended in time, over all trials.
        measured_again: What the system itself says its best trial reached, where it measures it once more in float32;
            None where it does not.
        peak_memory: Bytes, of all its processes at one time.
        written: Bytes given to the disk; None where the system does not tell.
        folder: Bytes in its folder at the end.
        load: Load average of the machine just before.
        machine: Processor and cores.
        versions: Of Python and the libraries in it.
    """

    system: str
    repeat: int
    seed: int
    limit_seconds: float
    curve: Curve
    trials: int
    epochs: int
    measured_again: float | None
    peak_memory: int
    written: int | None
    folder: int
    load: float
    machine: str
    versions: str

    @property
    def best(self) -> float:
        """Best validation accuracy in the end; 0 if no epoch ended."""
        return self.curve[-1][1] if self.curve else 0.0


def best_so_far(events: Iterable[tuple[float, float]], *, until: float) -> Curve:
    """The steps of the best validation accuracy that any epoch of any trial reported up to then.

    Args:
        events: Seconds and validation accuracy of each epoch's end, in any order.
        until: Seconds after which nothing counts.
    """
    steps: list[tuple[float, float]] = []
    for seconds, accuracy in sorted(events):
        if seconds <= until and math.isfinite(accuracy) and (not steps or accuracy > steps[-1][1]):
            steps.append((seconds, accuracy))
    return tuple(steps)


def value_at(curve: Curve, seconds: float) -> float:
    """Height of a curve at a time; 0 before its first step."""
    return next((accuracy for began, accuracy in reversed(curve) if began <= seconds), 0.0)


def seconds_to(curve: Curve, target: float) -> float:
    """When a curve first reached the target; infinite if it never did."""
    return next((seconds for seconds, accuracy in curve if accuracy >= target), math.inf)


def median_and_range(curves: Sequence[Curve], times: Sequence[float]) -> list[tuple[float, float, float]]:
    """Lowest, median and highest of several curves at each time; a curve without a value yet counts as 0."""
    columns = ([value_at(curve, seconds) for curve in curves] for seconds in times)
    return [(min(column), statistics.median(column), max(column)) for column in columns]


def median_seconds(runs: Sequence[Run], target: float) -> float:
    """Median over repeats of the time to the target; infinite if half of them or more never reached it."""
    return statistics.median(seconds_to(run.curve, target) for run in runs)


def of_system(runs: Iterable[Run], system: str) -> list[Run]:
    """A system's runs by repeat."""
    return sorted((run for run in runs if run.system == system), key=lambda run: run.repeat)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Ours against the best peer.

    Attributes:
        peer: The peer that is first at the target by the median over repeats.
        ours: Our median seconds to the target; may be infinite.
        theirs: The peer's; may be infinite.
        limit_seconds: That each had.
    """

    peer: str
    ours: float
    theirs: float
    limit_seconds: float

    @property
    def ratio(self) -> float:
        """Our time over the peer's, as an upper bound where the peer never arrived; infinite if we never did."""
        return math.inf if math.isinf(self.ours) else self.ours / min(self.theirs, self.limit_seconds)


def compare(runs: Sequence[Run], *, ours: str, target: float) -> Comparison | None:
    """Ours against the best peer, or None while either is missing."""
    mine = of_system(runs, ours)
    peers = sorted({run.system for run in runs} - {ours})
    if not mine or not peers:
        return None
    theirs = {peer: median_seconds(of_system(runs, peer), target) for peer in peers}
    first = min(peers, key=theirs.__getitem__)
    return Comparison(
        peer=first,
        ours=median_seconds(mine, target),
        theirs=theirs[first],
        limit_seconds=mine[0].limit_seconds,
    )
