"""Workers in simulated time: each trains what a scheme gives it, epoch by epoch, and reports."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from replaying.curves import Cost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from replaying.curves import Curve


@dataclass(kw_only=True)
class Work:
    """A trial, or a part of one, in a worker's hands.

    Attributes:
        done: Epochs that are over, those of an earlier part included.
        handle: What the scheme knows it by.
        free: Whether its end is known without training, as a repeat's is.
    """

    curve: Curve
    done: int = 0
    handle: Any = None
    free: bool = False


@dataclass(frozen=True, kw_only=True)
class End:
    """How a part ended.

    Attributes:
        value: A complete trial's value; None if it was pruned or paused.
    """

    value: float | None


class Scheme(Protocol):
    """Decides what is trained, and how far."""

    def claim(self) -> Work | None:
        """What a free worker trains next; None if there is nothing before another worker reports."""

    def report(self, work: Work) -> End | None:
        """Hear that an epoch ended, or that free work was handed out; None to go on."""


@dataclass(frozen=True, kw_only=True)
class Finish:
    """A part's end.

    Attributes:
        clock: Simulated seconds since the search began.
        spent: What all workers have begun to train until then: an epoch is paid for when it begins.
        begun: Simulated seconds at which this part began.
    """

    clock: float
    spent: Cost
    begun: float
    value: float | None
    curve: Curve
    epochs: int


def simulate(scheme: Scheme, *, workers: int, overhead: Cost, stop: Callable[[Finish], bool]) -> Iterator[Finish]:
    """Let workers follow a scheme until `stop` says so, or nothing is left to do.

    Each trial occupies one worker for its overhead and the recorded seconds of its epochs. What happens at the same
    moment happens in the order in which the epochs were begun.

    Args:
        scheme: What is trained.
        workers: How many there are; all begin at 0.
        overhead: Cost of a part besides its epochs.
        stop: Asked after each end.

    Yields:
        Each end, in simulated time.
    """
    clock, spent, order, idle = 0.0, Cost(), 0, workers
    running: list[tuple[float, int, float, int, Work]] = []  # when its epoch ends, order, began, first epoch, work

    def begin_epoch(work: Work, began: float, first: int, lead: Cost) -> None:
        nonlocal spent, order
        cost = lead + work.curve.costs[work.done]
        spent, order = spent + cost, order + 1
        heapq.heappush(running, (clock + cost.seconds, order, began, first, work))

    while True:
        while idle and (work := scheme.claim()) is not None:
            if not work.free:
                idle -= 1
                begin_epoch(work, clock, work.done, overhead)
            elif (end := scheme.report(work)) is not None:
                told = Finish(clock=clock, spent=spent, begun=clock, value=end.value, curve=work.curve, epochs=0)
                yield told
                if stop(told):
                    return
        if not running:
            return
        clock, _, began, first, work = heapq.heappop(running)
        work.done += 1
        ended = scheme.report(work)
        if ended is None:
            begin_epoch(work, began, first, Cost())
            continue
        idle += 1
        finish = Finish(
            clock=clock, spent=spent, begun=began, value=ended.value, curve=work.curve, epochs=work.done - first
        )
        yield finish
        if stop(finish):
            return
