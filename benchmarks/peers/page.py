"""The page with the table, what was compared, and how."""

import math
import statistics
from collections.abc import Mapping, Sequence

from benchmarks.figures import Row
from benchmarks.peers.curves import Run, compare, median_seconds, of_system, seconds_to
from benchmarks.peers.task import BATCH_SIZE, EPOCHS, LIMIT
from sweep.sizes import format_bytes

GOAL = 0.5  # our time to the target over the best peer's, at most

METHOD = f"""\
Every system searches the family `narrow` (`benchmarks/narrow`) on {LIMIT:,} training and {LIMIT:,} validation images
of Fashion-MNIST: networks, Adam, batches of {BATCH_SIZE} and at most {EPOCHS} epochs are the same for all. Peers
train in float32 by `model.fit` on numpy arrays. A repeat has a seed, of the split and of the sampler; within a repeat
all systems get the same images. They run one after the other, and who begins changes from repeat to repeat. Each
begins as a new process with empty folders, on the same cores, and is ended after the time limit, imports and start-up
included. Peers find the images in a small file, ready to be trained on; `sweep` reads and checks the whole data set
as it always does. A peer's epoch counts from when its Keras callback hears of it, ours from when the command prints
its line. Best so far is the best validation accuracy that any epoch of any trial reported, under the precision that
it trained with; what `sweep` says its best trial reaches when it is measured once more in float32 stands beside it.
Memory is the most that all of a system's processes held at one time, written what they gave the disk, kept what is in
their folder at the end.

- **sweep**: `sweep start` with its defaults and a trainer for each core (`--slots`), as docs/performance.md has it
  for networks as small as these. So a trial ends after five epochs without improvement, trains in bfloat16
  where that is faster, and draws its first weights by the study's seed.
- **KerasTuner**: `Hyperband` with its defaults, repeated until the time is over, as in TensorFlow's tutorial on
  Fashion-MNIST.
- **Optuna**: in memory, TPE and `MedianPruner` with their defaults, `KerasPruningCallback`, as in its Keras example.
- **Ray Tune**: `ASHAScheduler` and `OptunaSearch` with their defaults, one core a trial (its default, so two trials at
  a time), `reuse_actors=True`, which its documentation advises where trials are short, and
  `TuneReportCheckpointCallback` without checkpoints, as in its Keras example.
"""


def table(runs: Sequence[Run], *, titles: Mapping[str, str], target: float) -> str:
    """A row for each system that ran, in Markdown."""
    limit = max((run.limit_seconds for run in runs), default=0.0)
    head = ("", "repeats", f"best in {limit:g} s, %", f"s to {100 * target:g} %", "each repeat", "trials", "epochs")
    lines = [f"| {' | '.join((*head, 'memory', 'written', 'kept'))} |", "|---" * (len(head) + 3) + "|"]
    for system, title in titles.items():
        mine = of_system(runs, system)
        if not mine:
            continue
        written = [run.written for run in mine if run.written is not None]
        cells = [
            title,
            str(len(mine)),
            mean_and_sd([100 * run.best for run in mine]),
            seconds_text(median_seconds(mine, target), limit),
            ", ".join(seconds_text(seconds_to(run.curve, target), limit) for run in mine),
            f"{statistics.median(run.trials for run in mine):g}",
            f"{statistics.median(run.epochs for run in mine):g}",
            format_bytes(max(run.peak_memory for run in mine)),
            format_bytes(round(statistics.median(written))) if written else "unknown",
            format_bytes(round(statistics.median(run.folder for run in mine))),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page(runs: Sequence[Run], *, titles: Mapping[str, str], ours: str, target: float, left_out: Sequence[str]) -> str:
    """All of it, in Markdown."""
    found = row(runs, titles=titles, ours=ours, target=target)
    met = {True: "met", False: "not met", None: "open"}[found.met]
    again = [100 * run.measured_again for run in of_system(runs, ours) if run.measured_again is not None]
    parts = [
        "# Beside the peers\n",
        "![Best validation accuracy over time](peers.svg)\n",
        table(runs, titles=titles, target=target),
        "Best: mean ± standard deviation over repeats. Other columns are medians; memory is the highest.\n",
        f"{found.lever}: {found.figure}. Goal: {found.goal}; **{met}**.\n",
    ]
    if again:
        parts.append(f"`sweep`'s best trials, measured once more in float32: {mean_and_sd(again)} %.\n")
    parts += [f"Left out: {reason}\n" for reason in left_out]
    parts.append(f"## What was compared\n\n{METHOD}")
    machines = sorted({run.machine for run in runs})
    if len(machines) > 1:
        parts.append("**Not all runs are from one machine**: their times do not compare.\n")
    loads = [run.load for run in runs]
    parts.append(
        f"Machine: {'; '.join(machines) or 'none'}. "
        f"Load average before a run: {min(loads, default=0):g} to {max(loads, default=0):g}. "
        f"Versions: {_versions(runs)}. Command: `make bench-peers`.\n"
    )
    return "\n".join(parts)


def row(runs: Sequence[Run], *, titles: Mapping[str, str], ours: str, target: float) -> Row:
    """The comparison as one line of `make bench`'s table."""
    lever = f"Time to {100 * target:g} % validation accuracy, against the best peer"
    goal = f"at most {GOAL:g} of the peer's"
    found = compare(runs, ours=ours, target=target)
    if found is None:
        return Row(lever=lever, goal=goal, figure="not measured", met=None)
    limit = found.limit_seconds
    times = f"{seconds_text(found.ours, limit)} s against {seconds_text(found.theirs, limit)} s"
    if math.isinf(found.ours):
        return Row(
            lever=lever,
            goal=goal,
            figure=f"{times} ({titles[found.peer]})",
            met=None if math.isinf(found.theirs) else False,
        )
    most = "at most " if math.isinf(found.theirs) else ""
    figure = f"{most}{found.ratio:.2f}: {times} ({titles[found.peer]})"
    return Row(lever=lever, goal=goal, figure=figure, met=found.ratio <= GOAL)


def seconds_text(seconds: float, limit: float) -> str:
    """Seconds, or that it took longer than there was."""
    return f"> {limit:g}" if math.isinf(seconds) else f"{seconds:.0f}"


def mean_and_sd(values: Sequence[float]) -> str:
    """Such as `85.3 ± 0.2`; without the second where there is one value."""
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _versions(runs: Sequence[Run]) -> str:
    return ", ".join(sorted({each for run in runs for each in run.versions.split(", ") if each})) or "none"
