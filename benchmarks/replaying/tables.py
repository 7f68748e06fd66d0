"""What replays came to, as Markdown tables and as a CSV file."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from replaying.catalogue import BY_NAME, Job
from replaying.curves import AXES
from replaying.measures import COUNTS, WORTHS, Median, Outcome, Reference, mean_crossing, median

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAMES = {"flops": "FLOPs", "seconds": "seconds", "epochs": "epochs"}


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """All outcomes of one run."""

    reference: Reference
    outcomes: Mapping[Job, Sequence[Outcome]]

    def to_target(self, job: Job, axis: str) -> Median:
        """Share of the reference's compute until the target."""
        return median([each.to_target[axis] for each in self.outcomes[job]])

    def mean_crossing(self, job: Job) -> Median:
        """Share of the reference's FLOPs until the mean best is theirs."""
        return mean_crossing(self.outcomes[job], self.reference)


def report(found: Replayed) -> list[str]:
    """Markdown tables."""
    cost, target = found.reference.cost, found.reference.target
    about = (
        f"Target {target:.4f}: the median best of 50 full random trials, which take {cost.epochs:.0f} epochs, "
        f"{cost.flops / 1e12:.1f} TFLOP, {cost.seconds:.0f} s. Medians with 95 % bootstrap intervals; "
        "a share is one of that compute, and a search that is far from the target after half of it never gets there."
    )
    lines = [about]
    jobs = list(found.outcomes)
    alone = [job for job in jobs if job.workers == 1 and not job.reported]
    crowded = [job for job in jobs if job.workers > 1]
    after = [job for job in jobs if job.reported]
    if alone:
        lines += ["", "| one worker: compute to the target | FLOPs | seconds | epochs | mean in FLOPs |"]
        lines += ["|---|---|---|---|---|"]
        for job in alone:
            shares = [found.to_target(job, axis).show() for axis in NAMES]
            lines.append(_row(job.name, [*shares, found.mean_crossing(job).show()]))
        lines += ["", _head("best after full trials' worth of FLOPs, %", WORTHS)]
        lines += [_row(job.name, _percents(found, job, "best_for", WORTHS)) for job in alone]
        lines += _after_trials(found, [job for job in alone if job.name in BY_NAME], "finished trials")
    if crowded:
        lines += ["", "| several workers: to the target | workers | FLOPs | worker seconds | time on the clock, s |"]
        lines += ["|---|---|---|---|---|"]
        for job in crowded:
            clock = median([each.clock_to_target for each in found.outcomes[job]])
            shares = [found.to_target(job, axis).show() for axis in ("flops", "seconds")]
            lines.append(_row(job.name, [str(job.workers), *shares, clock.show(0)]))
    if after:
        lines += _after_trials(found, after, "finished trials, the report's ten included")
    return lines


def _after_trials(found: Replayed, jobs: Sequence[Job], title: str) -> list[str]:
    lines = ["", _head(f"best after {title}, % (share of FLOPs)", COUNTS)]
    for job in jobs:
        best = _percents(found, job, "best_after", COUNTS)
        shares = [median([each.share_after[count] for each in found.outcomes[job]]).value for count in COUNTS]
        cells = [f"{text}, {share:.2f}" if share == share else text for text, share in zip(best, shares, strict=True)]
        lines.append(_row(job.name, cells))
    return lines


def _percents(found: Replayed, job: Job, measure: str, keys: Sequence[int]) -> list[str]:
    cells = []
    for key in keys:
        values = [100 * getattr(each, measure)[key] for each in found.outcomes[job]]
        cells.append(median(values).show())
    return cells


def _head(title: str, columns: Sequence[int]) -> str:
    return _row(title, [str(each) for each in columns]) + "\n" + "|---" * (len(columns) + 1) + "|"


def _row(name: str, cells: Sequence[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def write_csv(path: Path, found: Replayed) -> None:
    """The medians and intervals of what it costs to reach the target."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("search", "workers", "after_reported", "repeats", "axis", "share", "low", "high"))
        for job, outcomes in found.outcomes.items():
            for axis in AXES:
                share = found.to_target(job, axis)
                figures = (f"{value:.4g}" for value in (share.value, share.low, share.high))
                writer.writerow((job.name, job.workers, job.reported, len(outcomes), axis, *figures))
