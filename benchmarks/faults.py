"""Kill a sweep's processes at random moments, over and over, and count what was lost: it must be nothing.

    python benchmarks/faults.py [--faults 100] [--seed 1]

The command, the store and the worker are the real ones; only the training is scripted (tests/faults). Exits 1 if
anything was lost.
"""

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from scripted_place import BASELINES, STUDY, TERMS, Place, Running

KINDS = ("kill -9 worker", "kill -9 trainer", "kill -9 both", "SIGTERM worker")
BATCH = 60  # trials that the budget grows by when the study is done before the faults are spent
KEEP = 3
SCRIPT = {"epochs": 3, "epoch_seconds": 0.1}


def inject(kind: str, worker: Running, place: Place) -> None:
    """Commit one fault, and wait for those who must die of it."""
    if "trainer" in kind or "both" in kind:
        for trainer in place.trainers():
            trainer.kill()
    if kind == "kill -9 trainer":
        return
    worker.signal_group(signal.SIGTERM if kind == "SIGTERM worker" else signal.SIGKILL)
    worker.wait(15)


def torment(place: Place, faults: int, chance: random.Random) -> tuple[Counter[str], int, int, int]:
    """Run one study through all faults and then to its end.

    Returns:
        Faults by kind, starts, trials wanted, and trainers that outlived their worker by three seconds.
    """
    injected: Counter[str] = Counter()
    wanted, starts, orphans = BATCH, 0, 0
    limits = ("--sampler", "random", "--pruner", "none", "--max-retries", 1000, "--max-failures", 1000)
    while True:
        worker = place.start("start", *TERMS, *limits, "--keep", KEEP, "--trials", wanted)
        starts += 1
        if chance.random() < 0.75:  # while it trains; else anywhere, from its first import on
            with suppress(AssertionError):  # the study may be done
                worker.await_line("  epoch ")
        while injected.total() < faults and not worker.ended_within(chance.uniform(0.0, 1.5)):
            kind = chance.choice(KINDS)
            inject(kind, worker, place)
            injected[kind] += 1
        done = injected.total() >= faults
        code = worker.wait()
        worker.text()
        if not place.trainers_are_gone():
            orphans += len(place.trainers())
        print(f"\r{injected.total()} of {faults} faults, {starts} starts", end="", file=sys.stderr, flush=True)
        if code == 0 and done:
            print(file=sys.stderr)
            return injected, starts, wanted, orphans
        if code == 0:
            wanted += BATCH
        elif code not in (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGTERM):
            raise SystemExit(f"The command ended with {code}:\n{worker.text()}")


def measure(trials: list[dict[str, Any]], home: Path, wanted: int) -> dict[str, int]:
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
        "marks of dead workers": len(list((home / "workers").iterdir())),
    }


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sweep-faults-") as folder:
        place = Place(Path(folder))
        place.script(**SCRIPT)
        try:
            injected, starts, wanted, orphans = torment(place, arguments.faults, random.Random(arguments.seed))
            rows = measure(place.trials(), place.home, wanted) | {"orphaned trainers": orphans}
        finally:
            place.close()
    print(f"{injected.total()} faults (seed {arguments.seed}), {starts} starts, {time.monotonic() - began:.0f} s")
    for name, count in [*sorted(injected.items()), *rows.items()]:
        print(f"{count:6}  {name}")
    harmless = {"trials wanted", "trials finished", "failed trials (each tried again)", "marks of dead workers"}
    right = {"baselines completed exactly once"} | harmless
    lost = abs(rows["trials wanted"] - rows["trials finished"])
    lost += len(BASELINES) - rows["baselines completed exactly once"]
    lost += sum(count for name, count in rows.items() if name not in right)
    print(f"{lost:6}  losses")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
