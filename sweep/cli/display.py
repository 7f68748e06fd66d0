"""What `start` and `join` show while they work: a live picture on a terminal, else one line per event."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sweep.duration import format_ahead, format_duration
from sweep.messages import EpochEnd, Progress
from sweep.worker.observer import Observer, TrialEnd
from sweep.worker.slots import Work

BAR_WIDTH = 24  # characters
COUNTED = ("complete", "pruned", "repeat")


class LineDisplay(Observer):
    """One line per event, for logs.

    Args:
        console: Where the lines go.
        best: Value and title of the best trial so far, or None.
        finished: Trials finished so far.
        wanted: Trials the study wants.
        slots: Trainers at work.
        remaining: Seconds still ahead of one trainer at most, or None before a speed is known.
        deadline: When this run's time is over, by this host's monotonic clock; None (default): never.
    """

    def __init__(
        self,
        console: Console,
        *,
        best: tuple[float, str] | None,
        finished: int,
        wanted: int,
        slots: int,
        remaining: Callable[[], float | None],
        deadline: float | None = None,
    ) -> None:
        self.console = console
        self.best = best
        self.finished = finished
        self.wanted = wanted
        self._slots = slots
        self._remaining = remaining
        self._deadline = deadline
        self._promised = remaining()
        self._began = time.monotonic()
        self._durations: list[float] = []
        self._told_features_of: set[int] = set()  # trials for which that was said

    def __enter__(self) -> Self:
        self.note("A trainer is starting; importing Keras takes some seconds.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def study_at(self, finished: int, wanted: int) -> None:
        """Take the study's counts, which other hosts raise too."""
        self.finished, self.wanted = finished, wanted

    def trial_started(self, work: Work) -> None:
        """One line."""
        self.note(f"trial {work.number}  started   {work.title}")

    def progress(self, work: Work, progress: Progress) -> None:
        """Nothing, but once: how long it will take, as soon as it is known, and that features are computed first."""
        if progress.features_of is not None and work.number not in self._told_features_of:
            self._told_features_of.add(work.number)
            self.note(f"trial {work.number}  features of {progress.features_of} are computed, once for all trials")
        if self._promised is None:
            self._promised = self._remaining()
            if self._promised is not None:
                left = None if self._deadline is None else self._deadline - self._began
                self.note(f"At this rate {format_ahead(self._promised / self._slots, left)}.")

    def epoch_ended(self, work: Work, end: EpochEnd) -> None:
        """One line."""
        self.note(
            f"trial {work.number}  epoch {end.epoch}/{work.job.epochs}  val_accuracy {end.val_accuracy:.4f}  "
            f"loss {end.loss:.4f}  {format_duration(end.seconds)}"
        )

    def trial_ended(self, end: TrialEnd) -> None:
        """One line, and the best so far."""
        if end.state in COUNTED:
            self.finished += 1
            self._durations.append(end.seconds)
        value = "" if end.value is None else f"{100 * end.value:.1f} %  "
        is_best = end.state == "complete" and end.value is not None and (self.best is None or end.value > self.best[0])
        if is_best and end.value is not None:
            self.best = (end.value, f"trial {end.number}, {end.title}")
        text = f"trial {end.number}  {end.state:<9} {end.title}  {value}{end.text}"
        if end.seconds:
            text += f"  ({format_duration(end.seconds)})"
        self.note(text + ("  best so far" if is_best else ""))

    def note(self, text: str) -> None:
        """One line."""
        self.console.print(text)

    def tick(self) -> None:
        """Nothing: lines do not move."""

    def seconds_left(self) -> float | None:
        """Until the last trial, or until this run's time is over, if that comes first."""
        ahead = self._seconds_ahead()
        if ahead is None or self._deadline is None:
            return ahead
        return max(0.0, min(ahead, self._deadline - time.monotonic()))

    def _seconds_ahead(self) -> float | None:
        """Until the last trial, from the trials this host finished, else from the machine's measured rate."""
        ahead = max(0, self.wanted - self.finished)
        if self._durations:
            mean = sum(self._durations) / len(self._durations)
            return ahead * mean / self._slots
        if self._promised is None:
            return None
        return max(0.0, self._promised / self._slots - (time.monotonic() - self._began))


class LiveDisplay(LineDisplay):
    """A bar for the study, a line per running trial with its epochs, the best so far; ended trials scroll above."""

    def __enter__(self) -> Self:
        self._running: dict[int, tuple[Work, Progress | None]] = {}
        self._live = Live(self._picture(), console=self.console, auto_refresh=False, transient=True)
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def trial_started(self, work: Work) -> None:
        """A new line."""
        self._running[work.number] = (work, None)

    def progress(self, work: Work, progress: Progress) -> None:
        """The line's bar moves."""
        super().progress(work, progress)
        self._running[work.number] = (work, progress)

    def epoch_ended(self, work: Work, end: EpochEnd) -> None:
        """The line's bar moves."""

    def trial_ended(self, end: TrialEnd) -> None:
        """The line goes; one that says how it ended stays above."""
        self._running.pop(end.number, None)
        super().trial_ended(end)

    def tick(self) -> None:
        """Draw."""
        self._live.update(self._picture(), refresh=True)

    def _picture(self) -> RenderableType:
        left = self.seconds_left()
        overall = Table.grid(padding=(0, 1))
        overall.add_row(
            ProgressBar(total=max(1, self.wanted), completed=min(self.finished, self.wanted), width=BAR_WIDTH),
            Text(f"{self.finished} of {self.wanted} trials", style="bold"),
            Text("" if left is None else f"about {format_duration(left)} left"),
        )
        lines: list[RenderableType] = [overall]
        if self._running:
            lines.append(self._trials())
        else:
            lines.append(Text("a trainer is starting ...", style="dim"))
        if self.best is not None:
            lines.append(Text(f"best {100 * self.best[0]:.1f} %  {self.best[1]}", style="green", overflow="ellipsis"))
        return Group(*lines)

    def _trials(self) -> Table:
        table = Table.grid(padding=(0, 1))
        for number, (work, progress) in sorted(self._running.items()):
            done = float(len(work.history))
            phase = f"epoch {min(len(work.history) + 1, work.job.epochs)}/{work.job.epochs}"
            speed = ""
            if progress is not None and progress.features_of is not None:
                phase = f"features of {progress.features_of}  {100 * progress.fraction:.0f} %"
                speed = f"{progress.images_per_second:.0f} images/s" if progress.images_per_second else ""
            elif progress is not None and progress.epoch is None:
                phase, done = "measuring", float(work.job.epochs)
            elif progress is not None:
                done = max(done, progress.epoch - 1 + progress.fraction if progress.epoch else done)
                speed = f"{progress.images_per_second:.0f} images/s" if progress.images_per_second else ""
            value = f"val {100 * work.history[-1].val_accuracy:.1f} %" if work.history else ""
            table.add_row(
                Text(f"trial {number}", style="cyan"),
                ProgressBar(total=work.job.epochs, completed=done, width=BAR_WIDTH // 2),
                phase,
                Text(value, style="bold"),
                speed,
                Text(work.title, overflow="ellipsis", no_wrap=True),
            )
        return table
