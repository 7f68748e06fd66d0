"""What the service adds to a trial, and how long a trainer waits for its next job.

    python benchmarks/overhead.py [--quick]

The first reported experiments of `isolated` are trained by a trainer alone, without worker, store, pipe or figures, and
by `sweep start`, in turn, each time in a fresh process; importing Keras counts for neither. In the service a trial
lasts until the next one begins, the last one until its end was told.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

import figures
import optuna
from figures import Row
from networks import CACHE, CLASSES, SHAPE, make_job

SHARE = 0.03
GAP_SECONDS = 1.0
TRIALS = 2
BATCH_SIZE = 64


def alone(folder: Path, *, limit: int, epochs: int) -> float:
    """Seconds of all trials in a trainer without a service."""
    return float(_run("--alone", folder, limit, epochs).stdout.splitlines()[-1])


def served(folder: Path, *, limit: int, epochs: int) -> tuple[float, list[float]]:
    """Seconds of all trials in the service, and those between a result and the next job."""
    answer = _run("--served", folder, limit, epochs)
    trials = optuna.load_study(study_name="isolated-quick", storage=f"sqlite:///{folder / 'sweep.db'}").get_trials()
    done = [trial for trial in trials if trial.state is optuna.trial.TrialState.COMPLETE]
    if len(done) != TRIALS or done[0].datetime_start is None or done[-1].datetime_complete is None:
        raise SystemExit(f"The service did not finish:\n{answer.stderr}")
    gaps = [float(line.split()[1]) for line in answer.stderr.splitlines() if line.startswith("GAP ")]
    return (done[-1].datetime_complete - done[0].datetime_start).total_seconds(), gaps


def _run(how: str, folder: Path, limit: int, epochs: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, __file__, how, str(folder), str(limit), str(epochs)]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def train_alone(folder: Path, limit: int, epochs: int) -> None:
    """Train the trials in this process and print what they took."""
    from search_spaces import find_space
    from sweep.trainer.training import Trainer

    space = find_space("isolated")
    trainer = Trainer(send=lambda answer: None, is_stopped=lambda trial: False)
    began = time.perf_counter()
    for number, experiment in enumerate(space.reported[:TRIALS]):
        plan = space.from_dict(experiment.configuration).plan(SHAPE, CLASSES)
        changes = {"trial": number, "batch_size": BATCH_SIZE, "evaluate_test": True}
        trainer.run(make_job(folder, plan, limit=limit, epochs=epochs, **changes))
    print(time.perf_counter() - began)


def train_served(folder: Path, limit: int, epochs: int) -> None:
    """Run `sweep start` in this process, and say on standard error how long a trainer waits between two jobs."""
    from sweep.cli.main import run
    from sweep.messages import Result
    from sweep.worker.loop import Worker
    from sweep.worker.slots import Slot

    begin, answered = Slot.begin, Worker._answered
    ends: list[float] = []

    def timed_begin(slot, work):  # type: ignore[no-untyped-def]
        begin(slot, work)
        if ends:
            print(f"GAP {time.monotonic() - ends[-1]:.3f}", file=sys.stderr, flush=True)

    def timed_answer(worker, slot, answer):  # type: ignore[no-untyped-def]
        if isinstance(answer, Result):
            ends.append(time.monotonic())
        answered(worker, slot, answer)

    Slot.begin, Worker._answered = timed_begin, timed_answer  # type: ignore[method-assign]
    options = f"--trials {TRIALS} --limit {limit} --epochs {epochs} --patience {epochs} --batch-size {BATCH_SIZE}"
    sys.argv = ["sweep", "start", "--family", "isolated", *options.split(), "--home", str(folder)]
    run()


def rows(*, quick: bool) -> list[Row]:
    CACHE.mkdir(parents=True, exist_ok=True)
    limit, epochs, rounds = (1000, 3, 1) if quick else (3000, 5, 2)
    single: list[float] = []
    service: list[float] = []
    gaps: list[float] = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="sweep-overhead-") as folder:
            single.append(alone(Path(folder), limit=limit, epochs=epochs) / TRIALS)
        with tempfile.TemporaryDirectory(prefix="sweep-overhead-") as folder:
            Path(folder, "cache").symlink_to(CACHE)
            total, waited = served(Path(folder), limit=limit, epochs=epochs)
            service.append(total / TRIALS)
            gaps += waited
    added = mean(service) / mean(single) - 1
    return [
        Row(
            lever="what the service adds to a trial, against the trainer alone",
            goal=f"≤ {SHARE:.0%} of 60 s",
            figure=f"{added:+.1%} ({mean(service):.1f} against {mean(single):.1f} s)",
            met=None if quick else added <= SHARE,
        ),
        Row(
            lever="from a trial's result to the warm trainer's next job",
            goal=f"≤ {GAP_SECONDS:.0f} s",
            figure=f"{median(gaps):.2f} s",
            met=median(gaps) <= GAP_SECONDS,
        ),
    ]


if __name__ == "__main__":
    if sys.argv[1:2] in (["--alone"], ["--served"]):
        todo = train_alone if sys.argv[1] == "--alone" else train_served
        todo(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        figures.run(rows, __doc__)
