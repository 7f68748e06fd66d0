"""The searches that are compared."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from replaying.curves import narrow
from replaying.resuming import ResumingHalving, batches, best_tenth, drawn
from replaying.searches import Search, StudySearch
from replaying.simulator import simulate
from search_spaces import find_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from replaying.curves import Curves
    from replaying.simulator import Finish
    from search_spaces import Configuration

RANDOM = Search(name="random")
TPE = Search(name="TPE", sampler="tpe")
MOST_DRAWN = 400  # configurations for the schemes that go by batches


def tpe(name: str, pruner: str, **settings: object) -> Search:
    """TPE with a pruner."""
    return Search(name=f"TPE + {name}", sampler="tpe", pruner=pruner, pruner_settings=settings)


TPE_MEDIAN, TPE_HALVING = tpe("median", "median"), tpe("halving", "halving")

# What the service has, with its settings or the ones it might have.
SEARCHES = (
    RANDOM,
    TPE,
    TPE_MEDIAN,
    Search(name="TPE + patient median", sampler="tpe", pruner="median", patience=1),
    Search(name="random + halving", pruner="halving"),
    TPE_HALVING,
    Search(name="TPE + patient halving", sampler="tpe", pruner="halving", patience=1),
    tpe("Hyperband", "hyperband"),
)

# Schemes that would need pausing and going on, which the service has not; `best_tenth` knows its size beforehand.
ONE_EPOCH = "one epoch, then the best tenth"
EACH_TEN = "one epoch, then the best of each ten"
SYNCHRONOUS = "halving that resumes, batches of 27"
RESUMING = "random + halving that resumes"
RESUMING_TPE = "TPE + halving that resumes"
SCHEMES = (ONE_EPOCH, EACH_TEN, SYNCHRONOUS, RESUMING, RESUMING_TPE)
OF_BATCHES = (ONE_EPOCH, EACH_TEN, SYNCHRONOUS)  # with one worker only

# Settings of the same samplers and pruners that might be better.
SETTINGS = (
    *(
        tpe(f"halving from epoch {least}, eta {eta}", "halving", min_resource=least, reduction_factor=eta)
        for least, eta in ((1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (3, 2), (4, 2), (4, 3), (6, 2), (6, 3))
    ),
    Search(
        name="TPE + halving from epoch 3, by the best epoch",
        sampler="tpe",
        pruner="halving",
        reports_best=True,
    ),
    tpe("halving from epoch 3, first 6 end", "halving", bootstrap_count=6),
    *(
        tpe(
            f"median from epoch {epoch}, after {trials} trials",
            "median",
            n_startup_trials=trials,
            n_warmup_steps=epoch,
            n_min_trials=min(trials, 3),
        )
        for epoch, trials in ((1, 5), (2, 5), (4, 5), (6, 5), (4, 3), (4, 10))
    ),
    *(
        tpe(
            f"best {share} % from epoch {epoch}, after {trials} trials",
            "percentile",
            percentile=float(share),
            n_startup_trials=trials,
            n_warmup_steps=epoch,
            n_min_trials=3,
        )
        for share, epoch, trials in ((25, 2, 5), (33, 4, 5), (25, 4, 5), (25, 6, 5), (10, 6, 5))
    ),
    tpe("Hyperband, eta 2", "hyperband", reduction_factor=2),
    tpe("Hyperband from epoch 2", "hyperband", min_resource=2),
    tpe("Hyperband from epoch 1", "hyperband", min_resource=1),
    *(
        Search(
            name=f"TPE after {count} random + median from epoch 4, after 5 trials",
            sampler="tpe",
            sampler_settings={"n_startup_trials": count},
            pruner="median",
            pruner_settings={"n_warmup_steps": 4},
        )
        for count in (5, 20)
    ),
    Search(name="random + median", pruner="median"),
)

BY_NAME = {search.name: search for search in (*SEARCHES, *SETTINGS)}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One kind of replay.

    Attributes:
        name: Of a search or scheme.
        workers: How many train at once.
        reported: Whether the report's experiments come first, as with a family that has some.
    """

    name: str
    workers: int = 1
    reported: bool = False


def course(curves: Curves, job: Job, *, seed: int, stop: Callable[[Finish], bool]) -> Iterable[Finish]:
    """The ends of one replay, in their order."""
    if job.name in OF_BATCHES:
        configurations = islice(drawn(curves, RANDOM, seed=seed), MOST_DRAWN)
        if job.name == ONE_EPOCH:
            ends: Iterable[Finish] = best_tenth(curves, list(configurations))
        elif job.name == EACH_TEN:
            ends = batches(curves, configurations, size=10, rungs=((1, 1),))
        else:
            ends = batches(curves, configurations, size=27, rungs=((1, 9), (3, 3), (9, 1)))
        return _until(ends, stop)
    if job.name in (RESUMING, RESUMING_TPE):
        search = RANDOM if job.name == RESUMING else TPE
        scheme: ResumingHalving | StudySearch = ResumingHalving(curves, search, seed=seed)
    else:
        enqueued = reported() if job.reported else ()
        scheme = StudySearch(curves, BY_NAME[job.name], seed=seed, enqueued=enqueued)
    return simulate(scheme, workers=job.workers, overhead=curves.overhead, stop=stop)


def reported() -> tuple[Configuration, ...]:
    """The report's ten isolated experiments at the middle width, in its order."""
    experiments = [dict(experiment.configuration) for experiment in find_space("isolated").reported]
    return tuple(narrow().from_dict(each | {"family": "narrow", "width": 16}) for each in experiments)


def _until(ends: Iterable[Finish], stop: Callable[[Finish], bool]) -> Iterable[Finish]:
    for end in ends:
        yield end
        if stop(end):
            return
