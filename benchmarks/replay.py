"""Replay searches on recorded learning curves: what each costs until it is as good as 50 full random trials.

    python benchmarks/replay.py [--quick] [--settings] [--as-recorded] [--csv PATH]

Samplers and pruners are the real ones, asked as a worker asks them. Training is looked up in benchmarks/curves, in
simulated time: the nearest recorded configuration answers, with ups and downs as large as the recorded ones but new
for each configuration; with --as-recorded, with its own. --settings compares the same samplers and pruners with other
settings instead; --quick takes fewer repeats.
"""

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from figures import Row
from replaying.catalogue import (
    EACH_TEN,
    ONE_EPOCH,
    RESUMING,
    SCHEMES,
    SEARCHES,
    SETTINGS,
    SYNCHRONOUS,
    TPE_HALVING,
    TPE_MEDIAN,
    Job,
)
from replaying.curves import AXES
from replaying.measures import Extent
from replaying.running import Replays
from replaying.tables import NAMES, Replayed, report, write_csv

CURVES = Path(__file__).resolve().parent / "curves" / "narrow.csv"
PROCESSES = 2
REPEATS, QUICK_REPEATS = 50, 8
REFERENCE_REPEATS, QUICK_REFERENCE_REPEATS = 200, 40
CROWDS = (4, 16)  # workers at once, besides one
GOAL = 0.2
DEFAULT = TPE_MEDIAN.name  # what `sweep start` takes
GIVE_UP = 0.8  # of the compute of 50 full random trials

# Sampling at random costs the replay little, so the measure itself is followed to the end.
CHEAP = {"random", ONE_EPOCH, EACH_TEN, SYNCHRONOUS}
ALONE = {
    Job(name=name): Extent(compare=0.4, give_up=1.5 if name in CHEAP else GIVE_UP)
    for name in (*(search.name for search in SEARCHES), *SCHEMES)
}
CROWDED = {
    Job(name=name, workers=workers): Extent(give_up=GIVE_UP)
    for workers in CROWDS
    for name in (DEFAULT, "random + halving", TPE_HALVING.name, RESUMING)
}
AFTER_REPORTED = {Job(name=search.name, reported=True): Extent(finished=20) for search in SEARCHES}
OTHER_SETTINGS = {Job(name=search.name): Extent(compare=0.4, give_up=GIVE_UP) for search in SETTINGS}


def main() -> None:
    """Replay, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REPEATS} repeats instead of {REPEATS}")
    parser.add_argument("--settings", action="store_true", help="compare settings of the pruners instead")
    parser.add_argument("--as-recorded", action="store_true", help="answer with recorded curves, noise and all")
    parser.add_argument("--repeats", type=int, help="seeds of each search")
    parser.add_argument("--curves", type=Path, default=CURVES, help="CSV file that record.py wrote")
    parser.add_argument("--processes", type=int, default=PROCESSES)
    parser.add_argument("--csv", type=Path, help="write the medians there, too")
    arguments = parser.parse_args()
    began = time.monotonic()
    jobs = OTHER_SETTINGS if arguments.settings else ALONE | CROWDED | AFTER_REPORTED
    found = replayed(
        jobs,
        quick=arguments.quick,
        repeats=arguments.repeats,
        curves=arguments.curves,
        processes=arguments.processes,
        fresh_noise=not arguments.as_recorded,
    )
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    for line in report(found):
        print(line)
    if arguments.csv:
        write_csv(arguments.csv, found)


def rows(*, quick: bool) -> list[Row]:
    """The figures that `make bench` prints of searching."""
    names = (DEFAULT, TPE_HALVING.name, ONE_EPOCH)
    found = replayed({job: ALONE[job] for job in map(_alone, names)}, quick=quick)
    shares = {name: [found.to_target(_alone(name), axis) for axis in AXES] for name in names}
    flops = {name: by_axis[AXES.index("flops")].value for name, by_axis in shares.items()}
    told = {
        name: "; ".join(f"{NAMES[axis]} {share.show()}" for axis, share in zip(AXES, by_axis, strict=True))
        for name, by_axis in shares.items()
    }
    return [
        *(
            Row(
                lever=f"search: {name} to the median best of 50 full random trials",
                goal=f"≤ {GOAL} of their compute",
                figure=told[name],
                met=flops[name] <= GOAL,
            )
            for name in (DEFAULT, TPE_HALVING.name)
        ),
        Row(
            lever=f"search: {ONE_EPOCH}, a yardstick",
            goal=f"more than {DEFAULT}",
            figure=told[ONE_EPOCH],
            met=None if flops[DEFAULT] == flops[ONE_EPOCH] else flops[DEFAULT] < flops[ONE_EPOCH],
        ),
    ]


def _alone(name: str) -> Job:
    return Job(name=name)


def replayed(
    jobs: Mapping[Job, Extent],
    *,
    quick: bool,
    repeats: int | None = None,
    curves: Path = CURVES,
    processes: int = PROCESSES,
    fresh_noise: bool = True,
) -> Replayed:
    """Replay jobs, each as far as its extent says."""
    repeats = repeats or (QUICK_REPEATS if quick else REPEATS)
    with Replays(curves, processes=processes, fresh_noise=fresh_noise) as replays:
        reference = replays.reference(repeats=QUICK_REFERENCE_REPEATS if quick else REFERENCE_REPEATS)
        return Replayed(reference=reference, outcomes=replays.outcomes(jobs, reference, repeats=repeats))


if __name__ == "__main__":
    main()
