"""Replays in several processes."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from statistics import fmean, median_high
from typing import TYPE_CHECKING

import optuna

from replaying.catalogue import RANDOM, Job, course
from replaying.curves import Cost, read_curves
from replaying.measures import FULL_TRIALS, Extent, Outcome, Reference, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from multiprocessing.pool import Pool
    from pathlib import Path

    from replaying.curves import Curves
    from replaying.simulator import Finish


class Replays:
    """A pool of processes that hold the curves.

    Args:
        path: The CSV file of the curves.
        processes: How many.
        fresh_noise: See `Curves`.
    """

    def __init__(self, path: Path, *, processes: int, fresh_noise: bool) -> None:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ[name] = "1"  # read when NumPy is loaded: spawned processes would each take all cores
        context = multiprocessing.get_context("spawn")
        self._pool: Pool = context.Pool(processes, _load, (path, fresh_noise))

    def __enter__(self) -> Replays:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def reference(self, *, repeats: int) -> Reference:
        """What 50 full random trials come to."""
        ends = self._pool.map(_full_random, range(repeats), chunksize=5)
        total = {axis: fmean(getattr(spent, axis) for _, spent in ends) for axis in ("epochs", "flops", "seconds")}
        return Reference(
            target=median_high(best for best, _ in ends), mean=fmean(best for best, _ in ends), cost=Cost(**total)
        )

    def outcomes(self, jobs: Mapping[Job, Extent], reference: Reference, *, repeats: int) -> dict[Job, list[Outcome]]:
        """Replay each job with so many seeds, as far as its extent says."""
        tasks = [(job, seed, reference, extent) for job, extent in jobs.items() for seed in range(repeats)]
        found: dict[Job, list[tuple[int, Outcome]]] = {job: [] for job in jobs}
        for job, seed, result in self._pool.imap_unordered(_replay, tasks, chunksize=2):
            found[job].append((seed, result))
        in_order = {job: sorted(results, key=lambda pair: pair[0]) for job, results in found.items()}
        return {job: [result for _, result in results] for job, results in in_order.items()}


_loaded: Curves | None = None


def _load(path: Path, fresh_noise: bool) -> None:
    global _loaded  # one in each process of the pool
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    _loaded = read_curves(path, fresh_noise=fresh_noise)


def _curves() -> Curves:
    if _loaded is None:
        raise RuntimeError("Expected a process of the pool, which has read the curves.")
    return _loaded


def _full_random(seed: int) -> tuple[float, Cost]:
    ends: list[Finish] = []
    for end in course(_curves(), Job(name=RANDOM.name), seed=seed, stop=lambda _: len(ends) == FULL_TRIALS):
        ends.append(end)
        if len(ends) == FULL_TRIALS:
            break
    return max(end.value for end in ends if end.value is not None), ends[-1].spent


def _replay(task: tuple[Job, int, Reference, Extent]) -> tuple[Job, int, Outcome]:
    job, seed, reference, extent = task
    return job, seed, outcome(course(_curves(), job, seed=seed, stop=extent.stop(reference)), reference)
