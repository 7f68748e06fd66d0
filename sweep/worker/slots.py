"""A slot: one trainer process of this host and the trial it works on."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import optuna
import psutil

from search_spaces.plan import LayerPlan
from sweep.environment import oom_kills
from sweep.failures import FailureKind
from sweep.messages import EpochEnd, Job, Ready, Stop
from sweep.worker.early import Seat, seats
from sweep.worker.trainer_process import SILENT_SECONDS, STOP_SECONDS, TrainerProcess

GROWTH = 2  # times what it held after its first trial
MEMORY_SHARE = 0.25  # of the host's memory, for all trainers together


@dataclass(kw_only=True)
class Work:
    """A trial under way in a slot.

    Attributes:
        title: The reported experiment's name, or the parameters.
        baseline: Whether it is a reported experiment.
        confirms: Whether it confirms another study's trial.
        time_limit: Seconds it may take, or None.
        resumed_after: Epochs that came from the attempt before, or None.
        without_checkpoint: Why the checkpoint of the attempt before is not here, if it is not; None: not known.
        stopping: Why the trainer was told to stop: an INTERRUPTED or TIME failure, or the pruner's words.
    """

    trial: optuna.Trial
    title: str
    job: Job
    plan: LayerPlan
    baseline: bool
    confirms: bool
    time_limit: float | None
    started: float = field(default_factory=time.monotonic)
    oom_kills_before: int = field(default_factory=oom_kills)
    history: list[EpochEnd] = field(default_factory=list)
    resumed_after: int | None = None
    without_checkpoint: str | None = None
    stopping: FailureKind | str | None = None
    stop_sent: float = 0.0

    @property
    def may_prune(self) -> bool:
        """Whether the pruner's word counts: not for what was asked for by name."""
        return not (self.baseline or self.confirms)

    @property
    def number(self) -> int:
        """The trial's number."""
        return self.trial.number


class Slot:
    """Keeps one trainer alive and knows what it works on.

    Args:
        seat: What its trainer has for itself.
        memory_share: Share of this host's memory that its trainer may keep between trials.
        trainer: One that was started there already, or None. Default: None.
    """

    def __init__(self, *, seat: Seat, memory_share: float, trainer: TrainerProcess | None = None) -> None:
        self.ready: Ready | None = None
        self.work: Work | None = None
        self.claiming = False
        self.claim_after = 0.0  # monotonic seconds: a study that told us to wait is asked again then
        self._seat = seat
        self._memory_share = memory_share
        self._first_bytes = 0
        self.trainer = seat.start() if trainer is None else trainer

    @property
    def log(self) -> Path:
        """File for what the trainer prints."""
        return self._seat.log

    def replace_trainer(self) -> None:
        """Start a new trainer in place of one that ended."""
        self.ready = None
        self._first_bytes = 0
        self.trainer = self._seat.start()

    def begin(self, work: Work) -> None:
        """Give the trainer a trial."""
        self.work = work
        self.trainer.last_sign = time.monotonic()
        self.trainer.send(work.job)

    def has_grown(self) -> bool:
        """Whether the trainer holds far more memory than after its first trial, and more than its share."""
        now = self.trainer.memory_bytes()
        self._first_bytes = self._first_bytes or now
        return now > GROWTH * self._first_bytes and now > psutil.virtual_memory().total * self._memory_share

    def stop(self, why: FailureKind | str) -> None:
        """Tell the trainer to stop its trial; the first reason stands."""
        if self.work is not None and self.work.stopping is None:
            self.work.stopping = why
            self.work.stop_sent = time.monotonic()
            self.trainer.send(Stop(trial=self.work.number))

    def is_deaf(self) -> bool:
        """Whether the trainer ignores a stop, or has said nothing for far longer than an epoch takes."""
        if self.work is None:
            return False
        now = time.monotonic()
        if self.work.stopping is not None:
            return now - self.work.stop_sent > STOP_SECONDS
        longest = max((end.seconds for end in self.work.history), default=0.0)
        return now - self.trainer.last_sign > max(SILENT_SECONDS, 10 * longest)


def open_slots(count: int | None, *, logs: Path, early: list[TrainerProcess] | None = None) -> list[Slot]:
    """Start the trainers of this host.

    Args:
        count: See `seats`.
        logs: Folder for their logs.
        early: Those that were started already for the same count; they are taken off the list. Default: none.
    """
    logs.mkdir(parents=True, exist_ok=True)
    found = seats(count, logs=logs)
    share = MEMORY_SHARE / len(found)
    return [Slot(seat=seat, memory_share=share, trainer=early.pop(0) if early else None) for seat in found]
