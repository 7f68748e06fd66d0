"""One training outside of any study: a trainer of its own, watched line by line."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from sweep.duration import format_duration
from sweep.errors import WorldError
from sweep.messages import Answer, EpochEnd, Failure, FullResult, Job, Ready, Result, Resumed, Stop, Stopped
from sweep.worker.slots import Slot, open_slots
from sweep.worker.trainer_process import STOP_SECONDS

TICK_SECONDS = 0.25


class StoppedBySignalError(Exception):
    """A signal ended the training; the same command goes on from its checkpoint.

    Attributes:
        signal: Its number.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.signal = number


def train_once(job: Job, *, logs: Path, note: Callable[[str], None]) -> Result | FullResult:
    """Train one network to its end.

    The first Ctrl-C or SIGTERM stops it at the next batch, a second one at once. A checkpoint that an earlier call
    left at `job.resume_from` is gone on from.

    Args:
        job: What to train; its `trial` is a number for messages only.
        logs: Folder for what the trainer prints.
        note: Says one line.

    Raises:
        WorldError: If the training fails.
        StoppedBySignalError: If it was told to stop.
    """
    signals: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        signals.append(number)
        if len(signals) > 1:
            slot.trainer.kill()
            os._exit(130)

    (slot,) = open_slots(1, logs=logs)
    handlers = {name: signal.signal(name, on_signal) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        deaf_after = float("inf")
        while True:
            if signals and deaf_after == float("inf"):
                deaf_after = time.monotonic() + STOP_SECONDS
                slot.trainer.send(Stop(trial=job.trial))
            if signals and (slot.ready is None or time.monotonic() > deaf_after):
                raise StoppedBySignalError(signals[0])
            if slot.trainer.connection.poll(TICK_SECONDS):
                answer = slot.trainer.receive()
                if isinstance(answer, Stopped):
                    raise StoppedBySignalError(signals[0])
                result = _take(answer, slot, job, note)
                if result is not None:
                    return result
    finally:
        slot.trainer.kill()
        for name, handler in handlers.items():
            signal.signal(name, handler)


def _take(answer: Answer | None, slot: Slot, job: Job, note: Callable[[str], None]) -> Result | FullResult | None:
    """What an answer comes to: None until the result is there."""
    match answer:
        case None:
            how = slot.trainer.wait_death()
            raise WorldError(f"The trainer died: {how}. What it printed is in {slot.log}.")
        case Ready():
            slot.ready = answer
            slot.trainer.send(job)
        case Resumed(history=history, problem=problem):
            note(f"goes on after epoch {len(history)}" if problem is None else f"begins again: {problem}")
        case EpochEnd():
            note(_line(answer, job))
        case Failure(kind=kind, message=message):
            raise WorldError(f"The training failed ({kind.value}): {message}")
        case Result() | FullResult():
            return answer
    return None


def _line(end: EpochEnd, job: Job) -> str:
    measured = f"accuracy {end.accuracy:.4f}" if job.full else f"val_accuracy {end.val_accuracy:.4f}"
    return f"epoch {end.epoch}/{job.epochs}  {measured}  loss {end.loss:.4f}  {format_duration(end.seconds)}"
