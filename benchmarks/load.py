"""Load one store with many workers, and time what a study of 10,000 trials costs; docs/scale.md has the figures.

    python benchmarks/load.py [--quick]

Command, worker and store are the real ones; the trainers sleep and report, and no figures are drawn. First 64 slots in
8 processes finish 1,000 trials of 10 epochs on PostgreSQL, then 8 slots in 2 processes 200 trials on SQLite. Then
studies of 100 and of 10,000 trials are claimed from, and one in which 500 trials run. Nothing else should run on the
machine meanwhile.
"""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import figures
import numpy as np
import optuna
from figures import Row
from loading.crowd import Course, run_crowd
from loading.large import Costs, costs_of
from servers import postgresql

from storage import Location, locate

RATE, CLAIM_SECONDS, SAMPLE_SECONDS, SLOPE = 5.0, 0.5, 0.3, 2.0  # the goals
FEW, MANY = 100, 10_000
RUNNING = 500
PERCENTILES = (50, 95, 99)


def rows(*, quick: bool) -> list[Row]:
    """Measure everything, in a tenth of the trials if that is to be quick."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    share = 10 if quick else 1
    found: list[Row] = []
    for kind, processes, slots, trials, epoch in (
        ("PostgreSQL", 8, 8, 1000 // share, 1.0),
        ("SQLite", 2, 4, 200 // share, 0.1),
    ):
        with _store(kind) as (location, folder):
            course = run_crowd(location, folder, processes=processes, slots=slots, trials=trials, epoch=epoch)
        found += _rows_of(f"{kind}, {processes * slots} slots, {trials:,} trials", course, goal=kind == "PostgreSQL")
    for kind in ("PostgreSQL", "SQLite"):
        costs = {}
        for trials in (FEW, MANY // share):
            with _store(kind) as (location, folder):
                costs[trials] = costs_of(location, folder, trials=trials)
        found += _rows_of_costs(kind, costs)
    return [*found, _row_of_running()]


@contextmanager
def _store(kind: str) -> Iterator[tuple[Location, Path]]:
    """An empty store, and an empty folder."""
    with tempfile.TemporaryDirectory(prefix="sweep-load-") as name:
        folder = Path(name, "work")
        folder.mkdir()
        if kind == "SQLite":
            yield locate(f"sqlite:///{name}/sweep.db", folder), folder
        else:
            with postgresql(Path(name, "server")) as location:
                yield location, folder


def _rows_of(name: str, course: Course, *, goal: bool) -> list[Row]:
    claims = np.array(course.calls["claim"])
    p95 = float(np.percentile(claims, 95))
    return [
        Row(
            lever=f"{name}: sustained",
            goal=f"≥ {RATE:.0f} trials/s" if goal else "-",
            figure=f"{course.trials_per_second:.1f} trials/s ({course.seconds:.0f} s in all)",
            met=course.trials_per_second >= RATE if goal else None,
        ),
        Row(
            lever=f"{name}: claim, p50, p95, p99",
            goal=f"p95 ≤ {CLAIM_SECONDS} s" if goal else "-",
            figure=f"{_percentiles(course.calls['claim'])}; sampling in it {_percentiles(course.calls['sample'])}",
            met=p95 <= CLAIM_SECONDS if goal else None,
        ),
        *(
            Row(lever=f"{name}: {call}", goal="-", figure=_percentiles(course.calls[call]), met=None)
            for call in ("report", "tell")
        ),
        Row(
            lever=f"{name}: duplicates, lost",
            goal="0, 0",
            figure=f"{course.duplicates}, {course.lost}; at most {course.connections} connections",
            met=course.duplicates == course.lost == 0,
        ),
    ]


def _row_of_running() -> Row:
    claims = []
    for running in (0, RUNNING):
        with _store("PostgreSQL") as (location, folder):
            claims.append(costs_of(location, folder, trials=10 * FEW, running=running).claim)
    none, some = claims
    return Row(
        lever=f"PostgreSQL: the next claim while {RUNNING} trials run, without sampling",
        goal="-",
        figure=f"{1000 * some:.0f} ms; while none runs {1000 * none:.0f} ms: "
        f"{1000 * (some - none) / RUNNING:.2f} ms for each that runs",
        met=None,
    )


def _percentiles(seconds: Sequence[float]) -> str:
    return ", ".join(f"{1000 * value:.0f}" for value in np.percentile(seconds, PERCENTILES)) + " ms"


def _rows_of_costs(kind: str, costs: dict[int, Costs]) -> list[Row]:
    few, many = costs.values()
    trials = max(costs)
    ratio = many.claim / few.claim
    return [
        Row(
            lever=f"{kind}: the next claim at {trials:,} trials against {FEW}, without sampling",
            goal=f"≤ {SLOPE:.0f} x",
            figure=f"{ratio:.1f} x ({1000 * many.claim:.0f} against {1000 * few.claim:.0f} ms)",
            met=ratio <= SLOPE,
        ),
        Row(
            lever=f"{kind}: sampling at {trials:,} trials",
            goal=f"≤ {SAMPLE_SECONDS} s",
            figure=f"{many.sample:.2f} s (at {FEW}: {few.sample:.2f} s)",
            met=many.sample <= SAMPLE_SECONDS,
        ),
        Row(
            lever=f"{kind}: a worker that joins reads {trials:,} trials; the dashboard shows them",
            goal="-",
            figure=f"{many.load:.1f} s; {many.dashboard:.1f} s",
            met=None,
        ),
    ]


if __name__ == "__main__":
    figures.run(rows, __doc__)
