"""Time what people wait for before anything is trained: the help, a large study's status, the first training step.

    python benchmarks/startup.py [--quick]

Each figure is the median of at least three runs of the installed command, from the start of its process. `status` and
`studies` read 10,000 trials (benchmarks/large_study.py), on SQLite and, unless --quick, on PostgreSQL. The first
training step is that of `sweep start --family isolated --limit 700` in an empty home with the data at hand: the moment
at which the trainer's first sign of life after a batch reaches the worker, which then is killed.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import figures
import large_study
import optuna
import psutil
from figures import Row
from networks import CACHE
from servers import postgresql

from storage import Location, locate
from sweep.data.dataset import DataReference, load_dataset

TRIALS = 10_000
HELP_SECONDS, STATUS_SECONDS, STEP_SECONDS = 0.3, 1.5, 10.0  # the goals
RUNS = 3
SWEEP = str(Path(sys.executable).parent / "sweep")
# The command itself, whose display says what it is told.
OBSERVED = """
import sys
from sweep.cli.main import run
from sweep.cli.display import LineDisplay

LineDisplay.__enter__ = lambda self: print("working", flush=True) or self
LineDisplay.trial_started = lambda self, work: print("trial", flush=True)
LineDisplay.progress = lambda self, work, progress: print("step", flush=True)
sys.argv[0] = "sweep"
run()
"""


@dataclass(frozen=True, kw_only=True)
class Start:
    """One `sweep start`, in seconds since its process began.

    Attributes:
        working: The study is there, and the display begins.
        trial: The trainer is ready, and was given a trial.
        step: The first batch was trained.
    """

    working: float
    trial: float
    step: float


def rows(*, quick: bool) -> list[Row]:
    """Measure everything.

    Args:
        quick: Whether PostgreSQL is left out.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found = [_row("`sweep --help`", HELP_SECONDS, _median(["--help"], runs=2 * RUNS - 1))]
    with tempfile.TemporaryDirectory(prefix="sweep-startup-") as folder:
        home = Path(folder) / "large"
        home.mkdir()
        found += _reading("SQLite", locate(None, home), home)
        if not quick:
            with postgresql(Path(folder) / "postgresql") as location:
                found += _reading("PostgreSQL", location, home)
        starts = _starts(Path(folder))
    middle = statistics.median(start.step for start in starts)
    typical = min(starts, key=lambda start: abs(start.step - middle))
    parts = f"at work after {typical.working:.1f}, trainer ready after {typical.trial:.1f}"
    found.append(
        Row(
            lever="`sweep start --family isolated --limit 700` to the first training step, data present",
            goal=f"≤ {STEP_SECONDS:.0f} s",
            figure=f"{middle:.1f} s ({parts})",
            met=middle <= STEP_SECONDS,
        )
    )
    return found


def _reading(kind: str, location: Location, home: Path) -> list[Row]:
    large_study.make(location, trials=TRIALS)
    place = ["--home", str(home), "--storage", location.url.render_as_string(hide_password=False)]
    commands = {f"`sweep status`, {TRIALS:,} trials, {kind}": ["status", large_study.NAME]}
    commands[f"`sweep studies`, {TRIALS:,} trials, {kind}"] = ["studies"]
    return [_row(name, STATUS_SECONDS, _median([*command, *place])) for name, command in commands.items()]


def _row(lever: str, goal: float, seconds: float) -> Row:
    return Row(lever=lever, goal=f"≤ {goal} s", figure=f"{seconds:.2f} s", met=seconds <= goal)


def _median(arguments: list[str], *, runs: int = RUNS) -> float:
    """Seconds that a command takes; a first run, which fills the system's cache of files, is not counted."""
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        subprocess.run([SWEEP, *arguments], stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:])


def _starts(folder: Path) -> list[Start]:
    """Three starts in homes of their own, after one that is not counted."""
    load_dataset(DataReference(cache_dir=CACHE))  # it is there from now on
    found = []
    for number in range(RUNS + 1):
        home = folder / f"start-{number}"
        home.mkdir()
        (home / "cache").symlink_to(CACHE)
        found.append(_start(home))
        shutil.rmtree(home)
    return found[1:]


def _start(home: Path) -> Start:
    terms = ["--family", "isolated", "--limit", "700", "--epochs", "2", "--trials", "1", "--home", str(home)]
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", OBSERVED, "start", *terms], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        came: dict[str, float] = {}
        for line in process.stdout:
            came.setdefault(line.strip(), time.perf_counter() - began)
            if "step" in came:
                break
        trainers = psutil.Process(process.pid).children(recursive=True) if "step" in came else []
        process.kill()
        if "step" not in came:
            raise RuntimeError(f"It ended before the first step:\n{process.stderr.read()}")
        psutil.wait_procs(trainers)  # a trainer ends by itself when its worker is gone; the next run has the machine
    return Start(**{name: came[name] for name in ("working", "trial", "step")})


if __name__ == "__main__":
    figures.run(rows, __doc__)
