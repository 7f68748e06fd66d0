"""One run of one system: its command, its events, what it took."""

import importlib.metadata
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import with_sweep
from benchmarks.peers.curves import Run, best_so_far
from benchmarks.peers.task import LIMIT, Order
from benchmarks.peers.watching import Watched, size_of, watch
from sweep.environment import git_commit, processor_name

ROOT = Path(__file__).resolve().parent.parent.parent
OURS = "sweep"
SHARED_VERSIONS = ("keras", "tensorflow", "optuna", "numpy")  # what the networks and the search stand on


@dataclass(frozen=True, kw_only=True)
class Peer:
    """A system to be compared with.

    Attributes:
        title: For people.
        module: Of this folder, run as a program.
        package: That must be there to be imported.
        distributions: Whose versions are recorded.
    """

    title: str
    module: str
    package: str
    distributions: tuple[str, ...]


PEERS = {
    "keras-tuner": Peer(
        title="KerasTuner, Hyperband",
        module="with_keras_tuner",
        package="keras_tuner",
        distributions=("keras-tuner",),
    ),
    "optuna": Peer(
        title="Optuna, TPE and median pruner",
        module="with_optuna",
        package="optuna_integration",
        distributions=("optuna-integration",),
    ),
    "ray-tune": Peer(
        title="Ray Tune, ASHA with Optuna",
        module="with_ray_tune",
        package="ray",
        distributions=("ray",),
    ),
}
SYSTEMS = (OURS, *PEERS)
TITLES = {OURS: "sweep"} | {name: peer.title for name, peer in PEERS.items()}


class FailedRunError(Exception):
    """A run without a single epoch, or one that ended with an error."""


def installed(system: str) -> bool:
    """Whether a system can be run here."""
    return system == OURS or importlib.util.find_spec(PEERS[system].package) is not None


def use_cores(wanted: int) -> int:
    """Keep this process, and all it starts, to so many cores; returns how many they are."""
    if not hasattr(os, "sched_setaffinity"):
        return os.cpu_count() or 1  # not to be had: the machine's own number is recorded
    cores = sorted(os.sched_getaffinity(0))[:wanted]
    os.sched_setaffinity(0, cores)
    return len(cores)


def find_images(data_dir: Path | None) -> tuple[Path, Callable[[int, Path], None]]:
    """The folder with Fashion-MNIST's files, and what writes the split of a seed to a file.

    Args:
        data_dir: Folder with the files; None: where the command finds them, or a download.
    """
    from sweep.data.dataset import DataReference, load_dataset
    from sweep.data.split import split_dataset

    dataset = load_dataset(DataReference(data_dir=data_dir, cache_dir=ROOT / "sweep-data" / "cache"))

    def write_split(seed: int, path: Path) -> None:
        import numpy as np

        split = split_dataset(dataset, seed=seed, limit=LIMIT)
        np.savez(
            path,
            x_train=split.x_train,
            y_train=split.y_train,
            x_validation=split.x_validation,
            y_validation=split.y_validation,
        )

    return Path(dataset.source).resolve(), write_split


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """A run to be made.

    Attributes:
        system: Which.
        repeat: Number of the repeat, from 0.
        seed: Of the split and the sampler.
        seconds: It has, imports and start-up included.
        cores: It may use; this process is kept to them already.
        data_dir: Folder with Fashion-MNIST's files.
        write_split: Writes the split of a seed to a file.
    """

    system: str
    repeat: int
    seed: int
    seconds: float
    cores: int
    data_dir: Path
    write_split: Callable[[int, Path], None]


def run_system(attempt: Attempt) -> Run:
    """Run a system for so long.

    Raises:
        FailedRunError: If nothing came of it; its folder is kept then.
    """
    # A short path: Ray's sockets have their names below it.
    folder = Path(tempfile.mkdtemp(prefix="peers-"))
    own = folder / "own"  # what is not the system's stands beside it
    own.mkdir()
    load = os.getloadavg()[0]
    try:
        watched, reported = (_run_sweep if attempt.system == OURS else _run_peer)(attempt, folder, own)
        taken = size_of(own)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if reported is None or not reported.epochs:
        said = "\n".join(f"    {line}" for _, line in watched.lines[-15:])
        raise FailedRunError(
            f"{attempt.system}, repeat {attempt.repeat + 1}: ended after {watched.seconds:.0f} s with code "
            f"{watched.code}, nothing to compare. All it said is in {folder / 'output.log'}; the end of it:\n{said}"
        )
    shutil.rmtree(folder, ignore_errors=True)
    return Run(
        system=attempt.system,
        repeat=attempt.repeat,
        seed=attempt.seed,
        limit_seconds=attempt.seconds,
        curve=best_so_far(reported.epochs, until=attempt.seconds),
        trials=reported.trials,
        epochs=sum(at <= attempt.seconds for at, _ in reported.epochs),
        measured_again=reported.measured_again,
        peak_memory=watched.peak_memory,
        written=watched.written,
        folder=taken,
        load=round(load, 2),
        machine=f"{processor_name()}, {attempt.cores} cores",
        versions=versions(attempt.system),
    )


def _run_sweep(attempt: Attempt, folder: Path, own: Path) -> tuple[Watched, with_sweep.Reported | None]:
    environment = _environment()
    watched = watch(
        with_sweep.command_of(home=own, data_dir=attempt.data_dir, seed=attempt.seed, seconds=attempt.seconds),
        folder=folder,
        environment=environment,
        seconds=attempt.seconds,
        grace_seconds=with_sweep.GRACE_SECONDS,
    )
    if watched.code:
        return watched, None
    return watched, with_sweep.read_reported(watched.lines, own, environment=environment)


def _run_peer(attempt: Attempt, folder: Path, own: Path) -> tuple[Watched, with_sweep.Reported | None]:
    images, events = folder / "images.npz", folder / "events.jsonl"
    attempt.write_split(attempt.seed, images)
    order = Order(images=images, events=events, folder=own, seed=attempt.seed, cores=attempt.cores)
    watched = watch(
        [sys.executable, "-m", f"benchmarks.peers.{PEERS[attempt.system].module}", order.to_json()],
        folder=folder,
        environment=_environment(),
        seconds=attempt.seconds,
    )
    is_early = watched.seconds < attempt.seconds - 1  # none of them ends by itself unless it fails
    return watched, None if is_early else read_events(events, until=attempt.seconds)


def read_events(path: Path, *, until: float) -> with_sweep.Reported:
    """What a peer's callbacks wrote."""
    lines = path.read_text().split("\n")[:-1] if path.exists() else []  # behind the last end of a line: one cut off
    events = [event for event in map(json.loads, lines) if event["seconds"] <= until]
    return with_sweep.Reported(
        epochs=tuple((event["seconds"], event["val_accuracy"]) for event in events if "val_accuracy" in event),
        trials=sum("ended" in event for event in events),
        measured_again=None,
    )


def versions(system: str) -> str:
    """Python and the libraries that a system runs on."""
    distributions: Sequence[str] = SHARED_VERSIONS + (PEERS[system].distributions if system in PEERS else ())
    found = [f"{name} {importlib.metadata.version(name)}" for name in distributions]
    commit = [f"sweep {(git_commit() or 'without a commit')[:16]}"] if system == OURS else []
    return ", ".join([f"python {platform.python_version()}", *found, *commit])


def _environment() -> dict[str, str]:
    """This process's variables, without what would set the command's options, and with this checkout in reach."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), variables.get("PYTHONPATH"))))
    return variables | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "COLUMNS": "200"}
