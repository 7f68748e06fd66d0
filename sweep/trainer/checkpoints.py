"""What a trial needs to go on from an epoch's end, in one file that is there whole or not at all."""

import hashlib
import json
import logging
import os
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sweep.disk_limit import DiskLimit
from sweep.messages import EpochEnd, Job
from sweep.recipe import Training
from sweep.trainer.best_epoch import BestEpoch, trained_variables

CHECKPOINT_SECONDS = 30.0  # at most so often: a large network takes a second to write
ENTRY_BYTES = 384  # at most what a file of arrays takes for each, beside itself and its name, which stands there twice
FORMAT = 1

log = logging.getLogger(__name__)


class Checkpoint(keras.callbacks.Callback):  # type: ignore[misc] # keras ships without types
    """Writes the state of training at epoch ends, and reads it back into a fresh network.

    It holds what trains (a frozen backbone is not in it), the optimizer, every random state, the history and the
    best epoch. Dropout's random state is in neither of Keras's own file formats; without it a resumed trial would
    drop other units than an uninterrupted one.

    Args:
        path: File of this attempt.
        fingerprint: Of the job: a checkpoint of another one is refused.
        best: The best epoch so far, kept with it.
        history: The epochs so far, kept with it.
        disk_limit: What the file counts against, or None. Default: None.
        resumed_from: File of the attempt before, which goes when this one is there. Default: None.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        path: Path,
        *,
        fingerprint: str,
        best: BestEpoch,
        history: list[EpochEnd],
        disk_limit: DiskLimit | None = None,
        resumed_from: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._path = path
        self._fingerprint = fingerprint
        self._best = best
        self._history = history
        self._disk_limit = disk_limit
        self._going = () if resumed_from is None else (resumed_from,)
        self._clock = clock
        self._written = clock()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write, unless the last file is young. A full disk costs the checkpoint, not the trial."""
        if self._clock() - self._written >= CHECKPOINT_SECONDS:
            self._written = self._clock()
            with disk_problems_logged():
                self.write(self.model, self._path)

    def write(self, model: keras.Model, path: Path) -> None:
        """Write a checkpoint under a temporary name, then rename it."""
        state = {
            "format": FORMAT,
            "fingerprint": self._fingerprint,
            "best_epoch": self._best.epoch,
            "best_value": self._best.value,
            "waited": self._best.waited,
            "history": [asdict(end) for end in self._history],
        }
        arrays = _named("variable", _values(trained_variables(model)))
        arrays |= _named("optimizer", _values(model.optimizer.variables))
        arrays |= _named("best", self._best.weights)
        arrays |= {"state": np.array(json.dumps(state))}
        write_arrays(path, arrays, disk_limit=self._disk_limit, going=self._going)

    def read(self, model: keras.Model, path: Path, *, trial: int) -> tuple[EpochEnd, ...]:
        """Put a checkpoint's state into a compiled network, the best epoch and the history.

        Args:
            model: The network, compiled.
            path: The file.
            trial: Number of the trial that goes on; its history is told again under it.

        Returns:
            The epochs that are done.

        Raises:
            CheckpointError: If the file is damaged or belongs to another job; nothing was changed then.
        """
        try:
            # Opened here: NumPy leaves a damaged file open.
            with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                state = json.loads(str(file["state"]))
                variables, optimizer, best = (_group(file, name) for name in ("variable", "optimizer", "best"))
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"checkpoint {path.name} is damaged: {error}") from error
        if (state["format"], state["fingerprint"]) != (FORMAT, self._fingerprint):
            raise CheckpointError(f"checkpoint {path.name} belongs to another job")
        model.optimizer.build(model.trainable_variables)
        targets, values = [*trained_variables(model), *model.optimizer.variables], variables + optimizer
        if [tuple(target.shape) for target in targets] != [value.shape for value in values]:
            raise CheckpointError(f"checkpoint {path.name} belongs to another network")
        for target, value in zip(targets, values, strict=True):
            target.assign(value)
        self._best.epoch, self._best.value = state["best_epoch"], state["best_value"]
        self._best.waited, self._best.weights = state["waited"], best
        self._history[:] = [EpochEnd(**{**end, "trial": trial}) for end in state["history"]]
        return tuple(self._history)


class CheckpointError(Exception):
    """A checkpoint that cannot be gone on from."""


@contextmanager
def disk_problems_logged() -> Iterator[None]:
    """Go on without a file that cannot be written, and say so in the trainer's log."""
    try:
        yield
    except OSError as error:
        log.warning("not written: %s", error)


def fingerprint(job: Job) -> str:
    """What a checkpoint's job must have in common with the one that goes on from it."""
    same: tuple[object, ...] = (
        job.plan,
        job.data.name,
        job.seed,
        job.limit,
        job.epochs,
        job.patience,
        job.batch_size,
        job.precision,
    )
    same += ("full",) if job.full else ()
    same += (job.training,) if job.training != Training() else ()  # those of the report keep theirs
    return hashlib.sha256(repr(same).encode()).hexdigest()


def write_arrays(
    path: Path, arrays: dict[str, np.ndarray], *, disk_limit: DiskLimit | None = None, going: Iterable[Path] = ()
) -> None:
    """Write named arrays under a temporary name, then rename it: the file is there whole or not at all.

    Args:
        path: The file.
        arrays: What goes into it.
        disk_limit: What it counts against, or None. Default: None.
        going: Files that go when it is there. Default: none.

    Raises:
        OSError: If it cannot be written, or does not fit.
    """
    if disk_limit is not None:
        size = sum(array.nbytes + 2 * len(name) + ENTRY_BYTES for name, array in arrays.items())
        disk_limit.refuse_what_does_not_fit(path, size, going=going)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type] # the stub takes any name for its option
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _group(file: np.lib.npyio.NpzFile, group: str) -> list[np.ndarray]:
    count = sum(name.startswith(f"{group}/") for name in file.files)
    return [file[f"{group}/{index}"] for index in range(count)]


def _values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in variables]


def _named(group: str, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{group}/{index}": array for index, array in enumerate(arrays)}
