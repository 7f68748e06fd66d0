"""Train the report's experiments on all images with several seeds, and write what came of it.

    python benchmarks/reproduce.py [--seeds 3] [--experiments isolated-1 grouped-1] [--home sweep-data]

It says first how long that takes. Cut off, the same command goes on; after every family, and with --page alone, it
writes docs/results/reproduction.csv, a line for each training, and reproduction.md from it. Lines of what this machine
did not train stay as they are: several machines can each train a part.
"""

import argparse
import os
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import optuna
from figures import hardware
from optuna.trial import FrozenTrial, TrialState
from reproduction import page, reproductions
from trainings import EXPERIMENTS, gathered, read_table, trainings, write_table

from search_spaces import find_space
from storage import locate, open_store
from sweep.confirming.pairs import confirming_name
from sweep.duration import format_duration
from sweep.environment import gpu_ids
from sweep.estimate import Counts, Estimator, study_seconds
from sweep.identity import read_identity

FAMILIES = ("isolated", "pretrained", "grouped")  # the cheapest first
TRAIN, VALIDATION = 54_000, 6_000  # images of Fashion-MNIST
RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
PAGE, TABLE = RESULTS / "reproduction.md", RESULTS / "reproduction.csv"
COMMAND = str(Path(sys.executable).parent / "sweep")  # beside this Python, which need not be on the path
PROBE = "reproduce-probe"  # a study of a single short trial, deleted at once


def main() -> None:
    """Train what is missing, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each experiment (3)")
    parser.add_argument(
        "--experiments", nargs="+", choices=[*EXPERIMENTS], default=[*EXPERIMENTS], metavar="ID", help="(all)"
    )
    parser.add_argument("--home", type=Path, default=Path("sweep-data"), help="where the studies are kept (sweep-data)")
    parser.add_argument("--page", action="store_true", help="train nothing, write what is there")
    arguments = parser.parse_args()
    home, seeds = arguments.home, arguments.seeds
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        read_table(TABLE)  # before hours of training, not after
    except ValueError as error:
        sys.exit(str(error))
    if not arguments.page:
        environment = os.environ | backend()
        chosen = {
            family: [each for each in arguments.experiments if EXPERIMENTS[each].family == family]
            for family in FAMILIES
        }
        studies = {family: terms(family, each, home) for family, each in chosen.items() if each}
        families = [family for family, each in studies.items() if run(["create", *each], home, environment) == 0]
        tell_time(families, seeds, home, environment)
        for family in families:
            confirm = ["confirm", family, "--baselines", "--seeds", str(seeds)]
            for command in (["start", *studies[family]], confirm):
                code = run(command, home, environment)
                write(home, seeds)
                if code:
                    sys.exit(code)
    write(home, seeds)


def terms(family: str, experiments: Sequence[str], home: Path) -> list[str]:
    """The study of some of a family's experiments, and of those that it holds already; nothing is searched."""
    chosen = [word for each in experiments for word in ("--experiment", each)]
    return ["--family", family, *chosen, "--trials", str(len({*experiments, *held(family, home)}))]


def held(family: str, home: Path) -> set[str]:
    """The experiments that the family's study has or will train."""
    return {each.user_attrs["baseline"] for each in trials_of(family, home) if "baseline" in each.user_attrs}


def trials_of(name: str, home: Path) -> list[FrozenTrial]:
    """The trials of a study; none if there is no such study."""
    with open_store(locate(None, home)) as store:
        study = store.find(name)
        return [] if study is None else study.get_trials()


def run(command: Sequence[str], home: Path, environment: Mapping[str, str]) -> int:
    """Run a command of sweep; returns its exit code, also where it was told to stop."""
    process = subprocess.Popen([COMMAND, *command, "--home", str(home)], env=environment)
    # A terminal's Ctrl-C reaches the command too, which leaves in order; SIGTERM reaches this process alone.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def backend() -> dict[str, str]:
    """JAX where only JAX sees the GPU; else Keras's own choice."""
    if not gpu_ids() or "KERAS_BACKEND" in os.environ or says("tensorflow.config.list_physical_devices('GPU')"):
        return {}
    if says("jax.default_backend() == 'gpu'"):
        return {"KERAS_BACKEND": "jax"}
    install = f"{Path(sys.executable).parent / 'pip'} install -c constraints.txt -e '.[gpu]'"
    print(
        f"Neither TensorFlow nor JAX sees this host's GPU; the processor will train. To change that: {install}",
        file=sys.stderr,
    )
    return {}


def says(expression: str) -> bool:
    """Whether a library is there and an expression of it true; in a process of its own, which gives the GPU back."""
    library = expression.partition(".")[0]
    command = [sys.executable, "-c", f"import sys, {library}; sys.exit(not {expression})"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def tell_time(families: Sequence[str], seeds: int, home: Path, environment: Mapping[str, str]) -> None:
    """Say how long all of it takes at most; a machine that never trained such networks is measured first."""
    whole = 0.0
    for family in families:
        seconds = seconds_ahead(family, seeds, home)
        if seconds is None:
            print(f"{family}: measuring this machine's speed ...", file=sys.stderr)
            short = shlex.split(f"--study {PROBE} --trials 1 --epochs 1 --limit 2048")
            code = run(["start", "--family", family, *short], home, environment)
            run(["delete", PROBE, "--yes"], home, environment)
            if code:
                sys.exit(code)  # told to stop, or what stopped it would stop the rest
            seconds = seconds_ahead(family, seeds, home) or 0.0
        print(f"{family}: at most {format_duration(seconds)}", file=sys.stderr)
        whole += seconds
    print(f"All of it takes at most {format_duration(whole)}; early stopping takes much of that away.", file=sys.stderr)


def seconds_ahead(family: str, seeds: int, home: Path) -> float | None:
    """At most so many seconds of training are missing of a family's experiments; None before a speed is known."""
    with open_store(locate(None, home)) as store:
        identity = read_identity(store.load(family))
    if identity is None:
        raise SystemExit(f"Study '{family}' in {home} was not made by sweep. Choose another --home.")
    trials = [*trials_of(family, home), *trials_of(confirming_name(family), home)]
    done = {
        (each.user_attrs["baseline"], each.user_attrs["seed"])
        for each in trials
        if each.state is TrialState.COMPLETE and "baseline" in each.user_attrs
    }
    missing = Counter(dict.fromkeys(held(family, home), seeds)) - Counter(name for name, _ in done)
    counts = Counts(
        wanted=missing.total(),
        enqueued=tuple(missing.elements()),
        done=frozenset(name for name, _ in done),
        train=TRAIN,
        validation=VALIDATION,
    )
    estimator = Estimator(home / "cache" / "rates.json", family=family, precision="auto")
    return study_seconds(estimator, find_space(family), identity, counts)


def write(home: Path, seeds: int) -> None:
    """Write the page and its table, with what other machines trained."""
    with open_store(locate(None, home)) as store:
        names = [each for each in store.study_names() if each.removesuffix("-confirm") in FAMILIES]
        # A family's own training goes before the confirming study's copy of it.
        own = [each for name in sorted(names) for each in trainings(store.load(name), machine=hardware())]
    found = gathered(read_table(TABLE), own)
    run_families = {EXPERIMENTS[each.experiment].family for each in found}
    left_out = [
        f"The experiments of {family} were not run: they need ImageNet's weights."
        for family in FAMILIES
        if family not in run_families and find_space(family).uses_backbones
    ]
    commands = ["make reproduce" if seeds == 3 else f"make reproduce ARGS='--seeds {seeds}'"]
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    write_table(TABLE, found)
    PAGE.write_text(page(reproductions(found), commands=commands, left_out=left_out))


if __name__ == "__main__":
    main()
