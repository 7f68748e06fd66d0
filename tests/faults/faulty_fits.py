"""The real trainer, whose fits meet faults of their own. Started by a worker as `python -m faulty_fits FD`.

FAULTY_FITS in the environment is a JSON object from trial numbers, or "drawn" for the first trial that is no reported
experiment, to faults; what was committed is written into faults.log in the place. A checkpoint is written at every
epoch's end. With FITS_NARROW in the environment networks have layers as planned, of four filters or units each: what is
kept of them is of no use to anybody else.
"""

import errno
import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import keras
import numpy as np

from search_spaces import Convolution, Dense, Layer, LayerPlan
from sweep.messages import Job
from sweep.trainer import checkpoints, training
from sweep.trainer.main import main
from sweep.trainer.reporting import Reporter

LOG = Path(os.environ["FAULTS_PLACE"]) / "faults.log"
EPOCHS_BEFORE = {"kill trainer before its first epoch": 0, "damage checkpoint": 2, "truncate checkpoint": 2}  # else 1

NARROW = 4

write_arrays = np.savez
build_model = training.build_model


class FaultyReporter(Reporter):
    """Commits the trial's fault at the end of an epoch's first batch."""

    def __init__(self, job: Job, **others: Any) -> None:
        super().__init__(job, **others)
        self._fault = _fault_of(job)
        np.savez = write_arrays
        if self._fault == "full disk":
            np.savez = _refuse
            _log(job, self._fault)

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        super().on_train_batch_end(batch, logs)
        is_time = self._epoch == EPOCHS_BEFORE.get(self._fault or "", 1) + 1 and batch == 0
        if self._fault not in (None, "full disk") and is_time:
            _log(self._job, self._fault)
            self._commit(self._fault)

    def _commit(self, fault: str) -> None:
        worker = os.getppid()
        if fault == "nan":
            weights = self.model.trainable_variables[-1]  # the last layer's: a ReLU behind others may hide it
            weights.assign(np.full(weights.shape, np.nan, dtype="float32"))
        elif fault == "exit 137":
            os._exit(137)
        elif fault == "kill worker":
            os.kill(worker, signal.SIGKILL)
            threading.Event().wait()  # the closed pipe ends an orphan, in mid-epoch too
        elif fault in ("terminate worker", "press Ctrl-C"):
            number = signal.SIGINT if fault == "press Ctrl-C" else signal.SIGTERM
            os.killpg(os.getpgid(worker), number)
            while not self._is_stopped(self._job.trial):
                threading.Event().wait(0.01)
        elif fault == "press Ctrl-C, deaf":
            os.killpg(os.getpgid(worker), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGSTOP)
        else:
            if fault == "kill both":
                os.kill(worker, signal.SIGKILL)
            if fault == "damage checkpoint":
                _overwrite(self._job.checkpoint)
            if fault == "truncate checkpoint":
                os.truncate(self._job.checkpoint, self._job.checkpoint.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)


def _fault_of(job: Job) -> str | None:
    faults: dict[str, str] = json.loads(os.environ.get("FAULTY_FITS", "{}"))
    is_drawn = not job.evaluate_test  # only reported experiments are measured on test images
    if is_drawn and "drawn" in faults and not (LOG.exists() and faults["drawn"] in LOG.read_text()):
        return faults["drawn"]
    return faults.get(str(job.trial))


def _log(job: Job, fault: str) -> None:
    with LOG.open("a") as log:
        print(job.trial, fault, file=log, flush=True)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 1000)


def _build_narrow(plan: LayerPlan) -> keras.Model:
    return build_model(replace(plan, layers=tuple(map(_narrow, plan.layers))))


def _narrow(layer: Layer) -> Layer:
    if isinstance(layer, Convolution):
        return replace(layer, filters=NARROW)
    return replace(layer, units=NARROW) if isinstance(layer, Dense) and layer.activation != "softmax" else layer


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise OSError(errno.ENOSPC, "No space left on device")


if __name__ == "__main__":
    checkpoints.CHECKPOINT_SECONDS = 0.0
    training.Reporter = FaultyReporter
    if "FITS_NARROW" in os.environ:
        training.build_model = _build_narrow
    main()
