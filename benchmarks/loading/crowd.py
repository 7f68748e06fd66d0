"""Many workers at once on one study, whose trainers only sleep and report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text

from storage import open_store

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna

    from storage import Location

ENTRY = Path(__file__).with_name("timed_sweep.py")
STUDY = "load"
EPOCHS = 10
LOOK_SECONDS = 1.0  # between two looks at the server's connections
MIDDLE = (0.1, 0.9)  # of the ends: the rate between them is sustained, without the start and the last trials


@dataclass(frozen=True, kw_only=True)
class Course:
    """What came of it.

    Attributes:
        seconds: From the first worker's start to the last one's end.
        trials_per_second: In the middle of the run.
        calls: Seconds of every call on the store, by its name.
        connections: Most that the server had at one time; 0 on SQLite.
        finished: Trials that came to their end.
        duplicates: Of them, those of a draw or a reported experiment that had one already.
        lost: Trials left running, or missing from the budget.
    """

    seconds: float
    trials_per_second: float
    calls: Mapping[str, Sequence[float]]
    connections: int
    finished: int
    duplicates: int
    lost: int


def run_crowd(location: Location, folder: Path, *, processes: int, slots: int, trials: int, epoch: float) -> Course:
    """Let processes with so many slots each work on a new study until it has its trials.

    Args:
        location: An empty store.
        folder: An empty folder: for each process a home, as on a host of its own.
        processes: Workers.
        slots: Trainers of each.
        trials: The budget.
        epoch: Seconds of an epoch.
    """
    script, times = folder / "script.json", folder / "times"
    script.write_text(json.dumps({"epochs": EPOCHS, "epoch_seconds": epoch}))
    times.mkdir()
    environment = os.environ | {
        "SWEEP_STORAGE": location.url.render_as_string(hide_password=False),
        "TRAINER_SCRIPT": str(script),
        "LOAD_TIMES": str(times),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }

    def start(number: int, *arguments: str) -> subprocess.Popen[bytes]:
        home = folder / f"host-{number}"
        return subprocess.Popen(
            [sys.executable, str(ENTRY), *arguments, "--home", str(home)],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=(folder / f"host-{number}.log").open("w"),
        )

    terms = f"--family isolated --study {STUDY} --dataset digits --limit 40 --trials {trials} --pruner none"
    if start(0, "create", *terms.split()).wait() != 0:
        raise RuntimeError((folder / "host-0.log").read_text())
    began = time.monotonic()
    workers = [start(number, "join", STUDY, "--slots", str(slots)) for number in range(1, processes + 1)]
    connections = 0
    while any(worker.poll() is None for worker in workers):
        connections = max(connections, _connections(location))
        time.sleep(LOOK_SECONDS)
    seconds = time.monotonic() - began
    failed = [number for number, worker in enumerate(workers, 1) if worker.returncode != 0]
    if failed:
        raise RuntimeError("\n".join((folder / f"host-{number}.log").read_text() for number in failed))
    with open_store(location) as store:
        found = store.load(STUDY).get_trials(deepcopy=False)
    return Course(
        seconds=seconds,
        trials_per_second=_rate(found),
        calls=_calls(times),
        connections=connections,
        finished=sum(_has_finished(trial) for trial in found),
        duplicates=_duplicates(found),
        lost=trials - sum(_has_finished(trial) for trial in found),
    )


def _connections(location: Location) -> int:
    if location.sqlite_path is not None:
        return 0
    engine = create_engine(location.url)
    with engine.connect() as connection:
        asked = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sweep'"
        found = connection.execute(text(asked)).scalar_one()
    engine.dispose()
    return int(found)


def _calls(times: Path) -> dict[str, list[float]]:
    found: defaultdict[str, list[float]] = defaultdict(list)
    for path in times.iterdir():
        for name, seconds in json.loads(path.read_text()).items():
            found[name] += seconds
    return dict(found)


def _has_finished(trial: optuna.trial.FrozenTrial) -> bool:
    return trial.state.name in ("COMPLETE", "PRUNED")


def _rate(trials: Sequence[optuna.trial.FrozenTrial]) -> float:
    ends = sorted(trial.datetime_complete for trial in trials if trial.datetime_complete is not None)
    first, last = (round(share * (len(ends) - 1)) for share in MIDDLE)
    return float((last - first) / (ends[last] - ends[first]).total_seconds())


def _duplicates(trials: Sequence[optuna.trial.FrozenTrial]) -> int:
    names = Counter(
        trial.user_attrs.get("baseline", trial.user_attrs.get("draw")) for trial in trials if _has_finished(trial)
    )
    return sum(count - 1 for count in names.values())
