"""What a worker tells whoever watches it."""

from dataclasses import dataclass
from typing import Protocol

from sweep.messages import EpochEnd, Progress
from sweep.worker.slots import Work


@dataclass(frozen=True, kw_only=True)
class TrialEnd:
    """How a trial ended, for people.

    Attributes:
        state: `complete`, `pruned`, `failed`, `repeat` or `requeued`.
        value: Validation accuracy of the best epoch, or None.
        text: What happened, in a few words; may be empty.
        seconds: Since it was claimed.
    """

    number: int
    title: str
    state: str
    value: float | None
    text: str
    seconds: float


class Observer(Protocol):
    """Watches a worker; every call comes from its loop and returns at once."""

    def study_at(self, finished: int, wanted: int) -> None:
        """The study's counts were read: trials finished, by every host, and trials wanted."""

    def trial_started(self, work: Work) -> None:
        """A trainer begins a trial."""

    def progress(self, work: Work, progress: Progress) -> None:
        """A trainer is within an epoch."""

    def epoch_ended(self, work: Work, end: EpochEnd) -> None:
        """A trainer finished an epoch."""

    def trial_ended(self, end: TrialEnd) -> None:
        """A trial ended."""

    def note(self, text: str) -> None:
        """Something worth a line happened."""

    def tick(self) -> None:
        """A quarter of a second passed, or less."""
