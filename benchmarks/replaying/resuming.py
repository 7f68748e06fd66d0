"""Schemes that pause trials and go on with the best: not in the service, but what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING

import optuna
from optuna.trial import Trial, TrialState

from replaying.curves import Cost
from replaying.simulator import End, Finish, Work
from sweep.standing import MAX_REPEATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from replaying.curves import Curve, Curves
    from replaying.searches import Search
    from search_spaces import Configuration


@dataclass(kw_only=True)
class Paused:
    """A configuration that has come to a rung.

    Attributes:
        trial: Its number in the study.
        done: Epochs trained.
        went_on: Whether it has left this rung.
    """

    configuration: Configuration
    trial: int
    done: int
    value: float
    went_on: bool = False


class ResumingHalving:
    """Asynchronous successive halving that goes on where a paused trial stopped.

    Of the n trials that came to a rung, the best n / eta may go on, also long after they were paused; whatever can go
    on goes before anything new. To the sampler a paused trial is a pruned one, and going on is a trial of its own.

    Args:
        curves: What answers for a configuration.
        search: Whose sampler proposes.
        seed: The study's seed.
        eta: One of so many goes on.
    """

    def __init__(self, curves: Curves, search: Search, *, seed: int, eta: int = 3) -> None:
        self._curves, self._search, self._seed, self._eta = curves, search, seed, eta
        self._rungs: dict[int, list[Paused]] = {}
        rung = 1
        while rung < curves.epochs:
            self._rungs[rung] = []
            rung *= eta
        self._study = optuna.create_study(study_name=f"resuming-{seed}", direction="maximize")
        self._draws = 0
        self._seen: set[Configuration] = set()

    def claim(self) -> Work | None:
        """The best that may go on, from the highest rung; else a new configuration."""
        for rung in reversed(self._rungs.values()):
            may = next((each for each in self._best(rung) if not each.went_on), None)
            if may is not None:
                may.went_on = True
                return self._go_on(may)
        return self._begin()

    def report(self, work: Work) -> End | None:
        """Pause at a rung, unless the trial may go on at once."""
        trial: Trial = work.handle[0]
        value = work.curve.reported[work.done - 1]
        trial.report(value, step=work.done)
        if work.done == work.curve.epochs:
            self._study.tell(trial, work.curve.value)
            return End(value=work.curve.value)
        if work.done not in self._rungs:
            return None
        paused = Paused(configuration=work.handle[1], trial=trial.number, done=work.done, value=value)
        self._rungs[work.done].append(paused)
        if any(each is paused for each in self._best(self._rungs[work.done])):
            paused.went_on = True
            return None
        self._study.tell(trial, state=TrialState.PRUNED)
        return End(value=None)

    def _best(self, rung: list[Paused]) -> list[Paused]:
        return sorted(rung, key=lambda each: -each.value)[: len(rung) // self._eta]

    def _go_on(self, paused: Paused) -> Work:
        before = self._study.get_trials(deepcopy=False)[paused.trial]
        self._study.enqueue_trial(before.params)
        trial = self._study.ask()
        self._curves.space.suggest(trial)
        for step, value in before.intermediate_values.items():
            trial.report(value, step=step)
        curve = self._curves.answer(paused.configuration, seed=self._seed)
        return Work(curve=curve, done=paused.done, handle=(trial, paused.configuration))

    def _begin(self) -> Work | None:
        space = self._curves.space
        for _ in range(MAX_REPEATS):
            self._draws += 1
            self._study.sampler = self._search.make_sampler(
                seed=self._seed, draw=self._draws, is_known=lambda params: space.from_params(params) in self._seen
            )
            trial = self._study.ask()
            configuration = space.suggest(trial)
            if configuration not in self._seen:
                self._seen.add(configuration)
                curve = self._curves.answer(configuration, seed=self._seed)
                return Work(curve=curve, handle=(trial, configuration))
            self._study.tell(trial, state=TrialState.FAIL)
        return None


def drawn(curves: Curves, search: Search, *, seed: int) -> Iterator[Curve]:
    """The curves of different configurations that a search without memory draws, one after the other."""
    study = optuna.create_study(direction="maximize")
    seen: set[Configuration] = set()
    for draw in count(1):
        study.sampler = search.make_sampler(seed=seed, draw=draw)
        configuration = curves.space.suggest(study.ask())
        if configuration not in seen:
            seen.add(configuration)
            yield curves.answer(configuration, seed=seed)


def best_tenth(curves: Curves, configurations: Sequence[Curve]) -> list[Finish]:
    """One epoch for all, then the best tenth to the end, with one worker.

    Args:
        curves: For the overhead of a part.
        configurations: As they were drawn.

    Returns:
        For ten, twenty, … configurations what it costs and finds, each as if that number had been chosen before.
    """
    sizes = range(10, len(configurations) + 1, 10)
    return [halved(curves, configurations[:size], rungs=((1, size // 10),)) for size in sizes]


def batches(
    curves: Curves, configurations: Iterator[Curve], *, size: int, rungs: Sequence[tuple[int, int]]
) -> Iterator[Finish]:
    """Synchronous halving of one batch after the other, with one worker; each yields what all so far have cost."""
    spent, clock = Cost(), 0.0
    while batch := list(islice(configurations, size)):
        finish = halved(curves, batch, rungs=rungs)
        spent, clock = spent + finish.spent, clock + finish.clock
        yield replace(finish, spent=spent, clock=clock)


def halved(curves: Curves, batch: Sequence[Curve], *, rungs: Sequence[tuple[int, int]]) -> Finish:
    """Train a batch from rung to rung; the last ones left train to their end.

    Args:
        curves: For the overhead of a part.
        batch: Curves.
        rungs: Epoch, and how many go on after it.
    """
    left, done, spent = list(batch), 0, Cost()
    for epoch, keep in (*rungs, (curves.epochs, 0)):
        for curve in left:
            spent = sum(curve.costs[done:epoch], spent + curves.overhead)
        if keep:
            left, done = sorted(left, key=lambda curve: -curve.reported[epoch - 1])[:keep], epoch
    best = max(left, key=lambda curve: curve.value)
    return Finish(clock=spent.seconds, spent=spent, begun=0.0, value=best.value, curve=best, epochs=int(spent.epochs))
