"""`sweep` itself: the real command, and what it said while it worked."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.peers.task import BATCH_SIZE, EPOCHS, LIMIT
from sweep.environment import cpu_count

STUDY = "peers"
TRIALS = 100_000  # the time limit ends it before
GRACE_SECONDS = 20.0  # it ends by itself at its --timeout
_EPOCH = re.compile(r"trial (\d+)  epoch (\d+)/\d+  val_accuracy ([\d.]+)")


@dataclass(frozen=True, kw_only=True)
class Reported:
    """What the command reported within its time.

    Attributes:
        epochs: Seconds and validation accuracy of each epoch.
        trials: Trials that ended, repeats of known configurations left out.
        measured_again: Best trial's value, its best epoch's accuracy measured once more in float32; None without one.
    """

    epochs: tuple[tuple[float, float], ...]
    trials: int
    measured_again: float | None


def command_of(*, home: Path, data_dir: Path, seed: int, seconds: float) -> list[str]:
    """The command: its defaults, but for what makes the task the same for all, and a trainer for each core.

    docs/performance.md says so of networks as small as these.
    """
    return [
        *(_program(), "start", "--family", "narrow", "--study", STUDY, "--home", str(home)),
        *("--data-dir", str(data_dir), "--limit", str(LIMIT), "--seed", str(seed)),
        *("--epochs", str(EPOCHS), "--batch-size", str(BATCH_SIZE)),
        *("--trials", str(TRIALS), "--timeout", f"{seconds:g}s", "--slots", str(cpu_count())),
    ]


def read_reported(lines: Iterable[tuple[float, str]], home: Path, *, environment: Mapping[str, str]) -> Reported:
    """Epochs at the time of the line that tells of each, with the accuracy that the study keeps of it.

    Raises:
        RuntimeError: If the study has epochs that no line told of: the command's lines are written otherwise now.
    """
    answer = subprocess.run(
        [_program(), "trials", STUDY, "--home", str(home), "--json"],
        env=dict(environment), capture_output=True, text=True, check=True,
    )  # fmt: skip
    return merge(lines, json.loads(answer.stdout))


def merge(lines: Iterable[tuple[float, str]], trials: Iterable[Mapping[str, Any]]) -> Reported:
    """Put the times of lines and the values of a study together."""
    kept = {
        (trial["number"], int(step)): value for trial in trials for step, value in trial["intermediate_values"].items()
    }
    epochs = []
    for seconds, line in lines:
        if found := _EPOCH.match(line):
            trial, epoch, rounded = int(found[1]), int(found[2]), float(found[3])
            epochs.append((seconds, kept.get((trial, epoch), rounded)))
    if kept and not epochs:
        raise RuntimeError(f"`sweep start` told of no epoch, and its study has {len(kept)}. Expected: {_EPOCH.pattern}")
    ended = [
        trial
        for trial in trials
        if trial["state"] in ("COMPLETE", "PRUNED") and "reused_from" not in trial["user_attrs"]
    ]
    values = [trial["value"] for trial in ended if trial["state"] == "COMPLETE"]
    return Reported(epochs=tuple(epochs), trials=len(ended), measured_again=max(values, default=None))


def _program() -> str:
    return str(Path(sys.executable).parent / "sweep")
