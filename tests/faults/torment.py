"""Kills a sweep's processes at random moments, over and over, and counts what was lost: it must be nothing."""

import json
import random
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from scripted_place import BASELINES, STUDY, TERMS, Place, Running

BATCH = 60  # trials that the budget grows by when the study is done before the faults are spent
KEEP = 3
SCRIPT = {"epochs": 3, "epoch_seconds": 0.08}
LIMITS = ("--sampler", "random", "--pruner", "none", "--max-retries", 1000, "--max-failures", 1000)
TRAINER_FAULTS_A_START = 6  # at most; a start costs seconds, a trainer a fraction of one

# Calls on the store that every trial makes, some of them several times.
CALLS = (
    "set_trial_state_values:RUNNING:after",
    "record_heartbeat::after",
    "set_trial_user_attr:'worker':after",
    "set_trial_param::after",
    "set_trial_user_attr:'config':before",
    "set_trial_user_attr:'host':before",
    "set_trial_intermediate_value::before",
    "set_trial_system_attr:artifacts:after",
    "set_trial_user_attr:'val_accuracy':before",
    "set_trial_state_values:COMPLETE:before",
    "set_trial_state_values:COMPLETE:after",
)

UNREADY = "Trainers end before they are ready"
KILLED_TRAINER = "kill -9 trainer"
HUNG_TRAINER = "trainer stopped, then killed"
KILLED_WORKER = "kill -9 worker"
KILLED_BOTH = "kill -9 both"
TERMINATED = "SIGTERM worker"
AT_A_CALL = "kill -9 worker at a call on the store"
DAMAGED = "checkpoint damaged"
TRAINER_FAULTS = (KILLED_TRAINER, HUNG_TRAINER)
WORKER_FAULTS = (KILLED_WORKER, KILLED_BOTH, TERMINATED, AT_A_CALL, AT_A_CALL)


class Torment:
    """One study that lives through many faults.

    Args:
        place: An empty folder.
        faults: How many.
        seed: Decides which fault comes when.
        tell: Called with faults, faults wanted and starts after each start. Default: nobody is told.

    Attributes:
        injected: Faults by kind.
        starts: Commands that were needed.
        wanted: Trials of the study by now.
        orphans: Trainers that outlived their worker by seconds.
    """

    def __init__(
        self, place: Place, *, faults: int, seed: int, tell: Callable[[int, int, int], None] = lambda *_: None
    ) -> None:
        self.injected: Counter[str] = Counter()
        self.starts = 0
        self.wanted = BATCH
        self.orphans = 0
        self._place = place
        self._faults = faults
        self._chance = random.Random(seed)
        self._tell = tell
        place.script(**SCRIPT)

    def run(self) -> dict[str, int]:
        """Commit all faults, then let the study come to its end.

        Returns:
            What there is then, and what should not be.

        Raises:
            RuntimeError: If a command ends in a way that no fault explains.
        """
        while self._is_due():
            self._live_once()
        if (code := self._start().wait()) != 0:
            raise RuntimeError(f"The command ended with {code}:\n{self._place.started[-1].text()}")
        self._count_orphans()
        rows = measure(self._place.trials(), self._place.recorded_artifacts(), self._place.home, self.wanted)
        removed = self._place.json("gc")
        left = self._place.json("gc")
        return rows | {
            "orphaned trainers": self.orphans,
            "files that only `sweep gc` removes": len(removed["removed"]),
            "files that it leaves": len(left["removed"]),
        }

    def _is_due(self) -> bool:
        return self.injected.total() < self._faults

    def _live_once(self) -> None:
        """One start of the command, some dead trainers, and a death of its own."""
        chance, end = self._chance, self._chance.choice(WORKER_FAULTS)
        variables = {}
        if end is AT_A_CALL:
            variables["FAULT_AT"] = f"{chance.choice(CALLS)}:{chance.randint(1, 12)}"
        worker = self._start(**variables)
        if end is not AT_A_CALL and (chance.random() < 0.8):  # else it dies anywhere, from its first import on
            for _ in range(chance.randint(1, TRAINER_FAULTS_A_START)):
                if not self._is_due() or not self._harm_trainer(worker):
                    break
        if end is AT_A_CALL:
            self._await(worker)
        elif self._is_due() and not worker.ended_within(chance.uniform(0.0, 0.8)):
            self._harm_worker(worker, end)
        else:
            worker.kill()
        self._settle(worker, end)

    def _start(self, **variables: str) -> Running:
        self.starts += 1
        self._tell(self.injected.total(), self._faults, self.starts)
        options = (*TERMS, *LIMITS, "--keep", KEEP, "--trials", self.wanted)
        return self._place.start("start", *options, **variables)

    def _harm_trainer(self, worker: Running) -> bool:
        """Whether there was a trainer at work to be killed."""
        worker.forget_lines()  # of trainers that are dead
        with suppress(AssertionError):  # the study may be done
            worker.await_line("  epoch ")
        if worker.ended_within(self._chance.uniform(0.0, 0.25)):
            return False
        kind = self._chance.choice(TRAINER_FAULTS)
        trainers = self._place.trainers()
        for trainer in trainers:
            with suppress(psutil.NoSuchProcess):
                if kind is HUNG_TRAINER:
                    trainer.suspend()
                    worker.ended_within(0.1)
                trainer.kill()
        if trainers:
            self.injected[kind] += 1
        return bool(trainers)

    def _harm_worker(self, worker: Running, kind: str) -> None:
        if kind is KILLED_BOTH:
            for trainer in self._place.trainers():
                with suppress(psutil.NoSuchProcess):
                    trainer.kill()
        worker.signal_group(signal.SIGTERM if kind is TERMINATED else signal.SIGKILL)
        self._await(worker)
        self.injected[kind] += 1

    def _await(self, worker: Running) -> None:
        worker.wait()
        worker.text()

    def _settle(self, worker: Running, end: str) -> None:
        """See how it ended; damage what it left, sometimes."""
        self._count_orphans()
        code = worker.wait()
        if code == 0:
            self.wanted += BATCH
        elif code == 1 and UNREADY in worker.text():  # a rule: three of its trainers died before their first trial
            pass
        elif code not in (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM):
            raise RuntimeError(f"The command ended with {code}:\n{worker.text()}")
        elif end is AT_A_CALL:
            self.injected[AT_A_CALL] += 1
        checkpoints = [name for name in self._place.checkpoints() if not name.startswith(".")]
        if checkpoints and self._is_due() and self._chance.random() < 0.5:
            path = self._place.home / "checkpoints" / STUDY / self._chance.choice(checkpoints)
            path.write_bytes(path.read_bytes()[: self._chance.randint(0, 100)])
            self.injected[DAMAGED] += 1

    def _count_orphans(self) -> None:
        if not self._place.trainers_are_gone():
            self.orphans += len(self._place.trainers())


def measure(trials: list[dict[str, Any]], recorded: set[str], home: Path, wanted: int) -> dict[str, int]:
    """What there is, and what should not be."""
    states = Counter(trial["state"] for trial in trials)
    complete = [trial for trial in trials if trial["state"] == "COMPLETE"]
    trained = [trial for trial in complete if "reused_from" not in trial["user_attrs"]]
    configurations = Counter(json.dumps(trial["config"], sort_keys=True) for trial in trained)
    baselines = Counter(trial["baseline"] for trial in complete if trial["baseline"])
    draws = Counter(trial["user_attrs"]["draw"] for trial in complete if "draw" in trial["user_attrs"])
    retries = Counter(trial["retry_of"] for trial in trials if trial["retry_of"] is not None)
    best = sorted(trained, key=lambda trial: (-trial["value"], trial["number"]))[:KEEP]
    kept = {trial["number"] for trial in trained if trial["baseline"]} | {trial["number"] for trial in best}
    weights = {f"{number}.weights.npz" for number in kept}
    found = {path.name for path in (home / "weights" / STUDY).iterdir()}
    artifacts = {path.name for path in (home / "artifacts").iterdir()}
    return {
        "trials wanted": wanted,
        "trials finished": len(complete) + states["PRUNED"],
        "baselines completed exactly once": sum(baselines[name] == 1 for name in BASELINES),
        "draws completed more than once, or left out": sum(draws[d] != 1 for d in range(1, max(draws, default=0) + 1)),
        "RUNNING left": states["RUNNING"],
        "WAITING left": states["WAITING"],
        "duplicate configurations trained": sum(count - 1 for count in configurations.values()),
        "failed trials (each tried again)": states["FAIL"],
        "failed trials not tried again exactly once": sum(
            retries[trial["number"]] != 1 for trial in trials if trial["state"] == "FAIL"
        ),
        "leftover checkpoints": len(list((home / "checkpoints" / STUDY).iterdir())),
        "leftover weights": len(found - weights),
        "missing weights": len(weights - found),
        "leftover artifacts": len(artifacts - recorded),
        "missing artifacts": len(recorded - artifacts),
        "marks of dead workers": len(list((home / "workers").iterdir())),
    }


def losses(rows: dict[str, int]) -> int:
    """How much of what was measured should not be."""
    harmless = {"trials wanted", "trials finished", "failed trials (each tried again)", "marks of dead workers"}
    right = {"baselines completed exactly once", "files that only `sweep gc` removes"} | harmless
    lost = abs(rows["trials wanted"] - rows["trials finished"])
    lost += len(BASELINES) - rows["baselines completed exactly once"]
    return lost + sum(count for name, count in rows.items() if name not in right)
