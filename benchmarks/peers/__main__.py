"""Run `sweep` beside its peers, live, and draw what came of it.

    python -m benchmarks.peers [--seconds 300] [--repeats 3] [--systems sweep optuna ...] [--target 0.86]

A run that the results folder has already is not run again unless --again is given, so it can be done in pieces:
each run takes its seconds, and a few more. Needs what benchmarks/peers/requirements.txt names; `make bench-peers`
installs it into an environment of its own.
"""

import argparse
import importlib.util
import signal
import sys
from pathlib import Path

from benchmarks.peers.curves import Run, seconds_to
from benchmarks.peers.drawing import draw
from benchmarks.peers.page import page, seconds_text, table
from benchmarks.peers.results import read_runs, write_runs
from benchmarks.peers.running import (
    OURS,
    PEERS,
    SYSTEMS,
    TITLES,
    Attempt,
    FailedRunError,
    find_images,
    installed,
    run_system,
    use_cores,
)
from sweep.figures.rendering import render

RESULTS = Path(__file__).resolve().parent / "results"
# Chosen beforehand: what one of six configurations drawn at random reaches in its twelve epochs (benchmarks/curves).
TARGET = 0.86
SEED = 43  # of the first repeat; the next ones count up


def main() -> None:
    """Run what is missing, then write table and figure."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="of each run (default: 300)")
    parser.add_argument("--repeats", type=int, default=3, help="of each system (default: 3)")
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS, help="default: all")
    parser.add_argument("--target", type=float, default=TARGET, help=f"validation accuracy (default: {TARGET})")
    parser.add_argument("--cores", type=int, default=2, help="for each run (default: 2)")
    parser.add_argument("--data-dir", type=Path, help="folder with Fashion-MNIST's files; default: the usual places")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder (default: benchmarks/peers/results)")
    parser.add_argument("--again", action="store_true", help="run what is there already once more")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended then, too
    path: Path = arguments.results / "peers.csv"
    runs = read_runs(path)
    others = {run.limit_seconds for run in runs} - {arguments.seconds}
    if others:
        parser.error(
            f"{path} has runs of {min(others):g} s, which do not compare with runs of {arguments.seconds:g} s. "
            "Give the same --seconds, or another --results."
        )
    left_out = [
        f"{TITLES[system]}: `{PEERS[system].package}` is not installed."
        for system in arguments.systems
        if not installed(system)
    ]
    for reason in left_out:
        tell(f"Left out: {reason}")
    if importlib.util.find_spec("narrow") is None:
        parser.error("The family `narrow` is not installed. Install it: pip install ./benchmarks/narrow")
    there = {(run.system, run.repeat) for run in runs}
    missing = [
        (system, repeat)
        for repeat in range(arguments.repeats)
        for system in in_turn([each for each in arguments.systems if installed(each)], repeat)
        if arguments.again or (system, repeat) not in there
    ]
    failed = 0
    if missing:
        cores = use_cores(arguments.cores)
        data_dir, write_split = find_images(arguments.data_dir)
        tell(f"{len(missing)} runs of {arguments.seconds:g} s, on {cores} cores")
    for system, repeat in missing:
        tell(f"repeat {repeat + 1} of {arguments.repeats}, {TITLES[system]} ...")
        try:
            attempt = Attempt(
                system=system,
                repeat=repeat,
                seed=SEED + repeat,
                seconds=arguments.seconds,
                cores=cores,
                data_dir=data_dir,
                write_split=write_split,
            )
            run = run_system(attempt)
        except FailedRunError as error:
            failed += 1
            tell(str(error))
            continue
        reached = seconds_text(seconds_to(run.curve, arguments.target), run.limit_seconds)
        tell(f"    best {100 * run.best:.1f} %, {run.trials} trials, {run.epochs} epochs, target after {reached} s")
        runs = [each for each in runs if (each.system, each.repeat) != (system, repeat)] + [run]
        write_runs(path, runs)  # after each, so that a stop loses only the run it cuts
    write_up(arguments.results, runs, target=arguments.target, left_out=left_out)
    print(table(runs, titles=TITLES, target=arguments.target))
    sys.exit(1 if failed else 0)


def in_turn(systems: list[str], repeat: int) -> list[str]:
    """The systems, beginning with another one in each repeat: a machine is not always equally busy."""
    begin = repeat % len(systems) if systems else 0
    return systems[begin:] + systems[:begin]


def write_up(folder: Path, runs: list[Run], *, target: float, left_out: list[str]) -> None:
    """Write figure and page."""
    folder.mkdir(parents=True, exist_ok=True)
    figure = draw(runs, titles=TITLES, target=target)
    (folder / "peers.svg").write_bytes(render(figure, format="svg", name="peers"))
    (folder / "peers.md").write_text(page(runs, titles=TITLES, ours=OURS, target=target, left_out=left_out))


def tell(text: str) -> None:
    """A note on the standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("Stopped. Runs that ended are kept; the same command goes on.")
