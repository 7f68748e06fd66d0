"""A trainer without Keras: the real pipe protocol, made-up scores, and faults on demand.

Started by a worker as `python -m scripted_trainer FD`. What it does with each trial stands in the JSON file that the
variable TRAINER_SCRIPT names, as {"trials": {NUMBER: BEHAVIOUR}, "default": BEHAVIOUR, "epochs": 3,
"epoch_seconds": 0.005}; it is read anew for every trial. Behaviours: "train", "slow", "nan", "hang", "crash at once",
"exit 137", "kill itself", "die in a checkpoint", "die after the result".
"""

import hashlib
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from sweep.failures import FailureKind
from sweep.messages import EpochEnd, Evaluation, Failure, Job, Ready, Result, Resumed, Stopped
from sweep.trainer.main import Mailbox

PER_CLASS = 100  # images of each class in a made-up evaluation
LOOK_SECONDS = 0.01  # between two looks for a stop: dozens of these trainers share two cores
DEFAULTS = {"trials": {}, "default": "train", "epochs": 3, "epoch_seconds": 0.005}


class ScriptedTrainer:
    """Trains nothing, in a few milliseconds an epoch."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def run(self, job: Job) -> None:
        """Send one trial's epochs and its end, or misbehave as the script says."""
        path = os.environ.get("TRAINER_SCRIPT")
        script = DEFAULTS | (json.loads(Path(path).read_text()) if path else {})
        behaviour = script["trials"].get(str(job.trial), script["default"])
        if behaviour == "crash at once":
            os._exit(1)
        history = _resume(job, self._mailbox)
        epochs = script["epochs"]
        while len(history) < epochs:
            seconds = 0.1 if behaviour == "slow" else script["epoch_seconds"]
            if not _pass(seconds, job, self._mailbox):
                self._mailbox.send(Stopped(trial=job.trial))
                return
            if behaviour != "slow" or not history:
                _end_epoch(job, history, epochs, seconds, self._mailbox)
            _misbehave(behaviour, job, is_last_but_one=len(history) == epochs - 1)
            if behaviour == "nan":
                self._mailbox.send(Failure(trial=job.trial, kind=FailureKind.NAN, message="the loss is nan"))
                return
        _write(job.weights, "weights")
        correct = correct_of(job)
        self._mailbox.send(
            Result(
                trial=job.trial,
                best_epoch=epochs,
                validation=_evaluation(correct, len_of(job)),
                test=_evaluation(correct - 1, len_of(job)) if job.evaluate_test else None,
                train_seconds=sum(end.seconds for end in history),
                images_per_second=1000.0,
                dtype_policy="float32",
                history=tuple(history),
            )
        )
        if behaviour == "die after the result":
            os.kill(os.getpid(), signal.SIGKILL)


def _misbehave(behaviour: str, job: Job, *, is_last_but_one: bool) -> None:
    """End or hang, if that is what the script says, after an epoch."""
    if behaviour == "exit 137":
        os._exit(137)
    if behaviour == "kill itself":
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "die in a checkpoint" and is_last_but_one:
        _draft(job.checkpoint).write_text('[{"trial": ')
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "hang":
        threading.Event().wait()  # deaf to a stop, yet the closed pipe ends it


def correct_of(job: Job) -> int:
    """Of 100 images of each class so many are recognised: the same for the same network and seed."""
    digest = hashlib.sha256(f"{job.plan!r} {job.seed}".encode()).digest()
    return 30 + digest[0] % 65


def len_of(job: Job) -> int:
    """Classes of a job."""
    return job.plan.classes


def _pass(seconds: float, job: Job, mailbox: Mailbox) -> bool:
    """Let an epoch's time pass; False as soon as the worker wants the trial to stop."""
    until = time.monotonic() + seconds
    while not mailbox.is_stopped(job.trial):
        left = until - time.monotonic()
        if left <= 0:
            return True
        time.sleep(min(left, LOOK_SECONDS))
    return False


def _end_epoch(job: Job, history: list[EpochEnd], epochs: int, seconds: float, mailbox: Mailbox) -> None:
    epoch = len(history) + 1
    accuracy = correct_of(job) / 100 * min(1.0, epoch / epochs)
    end = EpochEnd(
        trial=job.trial,
        epoch=epoch,
        loss=1 - accuracy,
        accuracy=accuracy,
        val_loss=1 - accuracy,
        val_accuracy=accuracy,
        seconds=seconds,
    )
    history.append(end)
    mailbox.send(end)
    _write(job.checkpoint, json.dumps([vars(each) for each in history]))


def _resume(job: Job, mailbox: Mailbox) -> list[EpochEnd]:
    if job.resume_from is None:
        return []
    if not job.resume_from.exists():
        mailbox.send(Resumed(trial=job.trial, history=(), problem="there is no checkpoint on this host"))
        return []
    try:
        text = job.resume_from.read_text()
        history = [replace(EpochEnd(**end), trial=job.trial) for end in json.loads(text)]
    except ValueError as error:
        problem = f"checkpoint {job.resume_from.name} is damaged: {error}"
        mailbox.send(Resumed(trial=job.trial, history=(), problem=problem))
        return []
    _write(job.checkpoint, text)
    job.resume_from.unlink(missing_ok=True)
    mailbox.send(Resumed(trial=job.trial, history=tuple(history), problem=None))
    return history


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _draft(path)
    draft.write_text(text)
    draft.replace(path)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _evaluation(correct: int, classes: int) -> Evaluation:
    wrong = PER_CLASS - correct
    rows = [
        tuple(correct if column == row else wrong if column == (row + 1) % classes else 0 for column in range(classes))
        for row in range(classes)
    ]
    return Evaluation(confusion_matrix=tuple(rows), cross_entropy=wrong / PER_CLASS, loss=wrong / PER_CLASS)


def main() -> None:
    """Serve one worker for life."""
    mailbox = Mailbox(Connection(int(sys.argv[1])))
    trainer = ScriptedTrainer(mailbox)
    mailbox.send(Ready(backend="scripted", device="CPU"))
    while True:
        trainer.run(mailbox.jobs.get())


if __name__ == "__main__":
    main()
