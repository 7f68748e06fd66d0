"""Trainers that are started before it is known whether they are needed: importing Keras is most of the wait."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.environment import cpu_count, default_slots, gpu_ids
from sweep.worker.trainer_process import TrainerProcess


@dataclass(frozen=True, kw_only=True)
class Seat:
    """What one trainer of a host has for itself.

    Attributes:
        log: File for what it prints.
        gpu: Its GPU, or None.
        threads: Its processor threads.
    """

    log: Path
    gpu: str | None
    threads: int

    def start(self) -> TrainerProcess:
        """Start a trainer there."""
        return TrainerProcess(log=self.log, gpu=self.gpu, threads=self.threads)


def seats(count: int | None, *, logs: Path) -> list[Seat]:
    """Where the trainers of this host go.

    Args:
        count: Trainers wanted, or None for one per GPU, else one. Further ones share the GPUs in turn.
        logs: Folder for their logs.
    """
    gpus, wanted = gpu_ids(), count or default_slots()
    return [
        Seat(
            log=logs / f"trainer-{index}.log",
            gpu=gpus[index % len(gpus)] if gpus else None,
            threads=max(1, cpu_count() // wanted),
        )
        for index in range(wanted)
    ]


@contextmanager
def early_trainers(count: int | None, *, logs: Path) -> Iterator[list[TrainerProcess]]:
    """Start this host's trainers; those that nobody took off the list are ended, and then leave no trace.

    Args:
        count: See `seats`.
        logs: Folder for their logs; below the home, which need not exist yet.

    Returns:
        The trainers, in the order of their seats; none where the folder cannot be made: who needs it says why.
    """
    made = [folder for folder in (logs, *logs.parents) if not folder.exists()]
    wanted = seats(count, logs=logs)
    fresh = [seat.log for seat in wanted if not seat.log.exists()]
    trainers: list[TrainerProcess] = []
    started = 0
    try:
        with suppress(OSError):
            logs.mkdir(parents=True, exist_ok=True)
            for seat in wanted:
                trainers.append(seat.start())
        started = len(trainers)
        yield trainers
    finally:
        for trainer in trainers:
            trainer.kill()
        if len(trainers) == started:  # nobody took one
            for log in fresh:
                with suppress(OSError):
                    log.unlink()
            for folder in made:
                with suppress(OSError):  # something else is in it by now
                    folder.rmdir()
