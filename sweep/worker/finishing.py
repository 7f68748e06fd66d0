"""The end of a trial: its files first, then what the study records of it, then what can be tidied up and shown."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from storage.artifacts import ArtifactRecord, record, records_of
from sweep import evidence, showcase
from sweep.budget import read_budget
from sweep.sizes import format_bytes
from sweep.trial_files import TrialFiles, remove
from sweep.worker.assignment import Assignment
from sweep.worker.copies import Copies
from sweep.worker.errands import Errands
from sweep.worker.slots import Work

log = logging.getLogger(__name__)

REFRESH_SECONDS = 10.0  # at least, between two looks of the dashboard's study page
TIDY_SECONDS = 10.0  # at least, between two looks for files that nothing needs: each reads all trials that run

Call = Callable[[Callable[[], Any], Callable[[Any], None]], None]


class Finishing:
    """Has trials' figures drawn and written before their ends are told.

    Args:
        assignment: The study.
        call: Queues a call on the store; its answer goes to the second function.
        copies: Copies what a trial leaves before its end is told.
        errands: Removes copies that nothing needs.
        draw: Queues a call that needs no store, likewise: figures take a second.
        show: Queues a call apart from both: no trial's end waits for the study's page.
        read_trials: Reads all trials of the study, in a call on the store.
        note: Says something worth a line.
    """

    def __init__(
        self,
        assignment: Assignment,
        *,
        call: Call,
        copies: Copies,
        errands: Errands,
        draw: Call,
        show: Call,
        read_trials: Callable[[], Sequence[FrozenTrial]],
        note: Callable[[str], None],
    ) -> None:
        self._on = assignment
        self._call = call
        self._copies = copies
        self._errands = errands
        self._draw = draw
        self._show = show
        self._read_trials = read_trials
        self._note = note
        self._untold: set[int] = set()  # trials that ended, and whose figures are being drawn
        self._refresh_after = 0.0  # monotonic seconds
        self._tidy_after = 0.0  # likewise
        self._is_prepared = False

    def prepare(self, subject: evidence.Subject | None) -> None:
        """Get ready to draw while trials train.

        Args:
            subject: A trial that will come to its end, or None for one that may be pruned: that leaves less.
        """

        def prepare() -> None:
            try:
                if not self._is_prepared:
                    evidence.prepare()
                self._is_prepared = True
                if subject is not None:
                    evidence.draw_ahead(subject)
            except Exception:  # said at the trial's end, if it still cannot be drawn then
                log.warning("nothing can be drawn ahead", exc_info=True)

        if subject is not None or not self._is_prepared:
            self._draw(prepare, lambda _: None)

    @property
    def is_behind(self) -> bool:
        """Whether a trial has ended that the study does not know of: a claim must see the ends before it.

        One of them may end the study, or be what the next trial would repeat; and all are lost with this worker.
        """
        return bool(self._untold)

    def end(
        self,
        work: Work,
        make: Callable[[], list[evidence.Exhibit]],
        write: Callable[[], Any],
        told: Callable[[Any], None],
    ) -> None:
        """End a trial: its files first, then which they are, then its attributes and its end.

        Args:
            work: The trial.
            make: Draws what it leaves.
            write: Writes its attributes and tells its end.
            told: Takes what `write` returned.
        """
        artifacts, number, weights = self._on.files.artifacts, work.number, work.job.weights
        self._untold.add(number)

        def ended(answer: Any) -> None:
            self._untold.discard(number)
            told(answer)

        def draw() -> list[ArtifactRecord] | Exception:
            try:
                return [
                    artifacts.write(number, each.order, each.filename, each.mimetype, each.content) for each in make()
                ]
            except Exception as error:  # a picture that cannot be drawn or written costs no trial
                log.warning("trial %d: nothing to look at", number, exc_info=True)
                return error

        def drawn(records: list[ArtifactRecord] | Exception) -> None:
            if isinstance(records, Exception):
                self._note(f"trial {number}  its figures could not be made: {records}")
                found: list[ArtifactRecord] = []
            else:
                found = records

            paths = [artifacts.path(each.artifact_id) for each in found]

            def end() -> Any:
                try:
                    record(work.trial, found)
                except UpdateFinishedTrialError:
                    self._remove_untaken(work.trial, found)
                    raise
                return write()

            def copied() -> None:
                self._call(end, ended)
                self._queue_tidying(is_last=False)
                if time.monotonic() >= self._refresh_after:
                    self._call(lambda: None, lambda _: self.refresh())  # once the end is told

            self._copies.keep(number, [*([weights] if weights.exists() else []), *paths], copied)

        self._draw(draw, drawn)

    def refresh(self) -> None:
        """Have the study's own page in the dashboard brought up to date; it costs no trial if that fails."""
        on = self._on
        self._refresh_after = time.monotonic() + REFRESH_SECONDS

        def show() -> None:
            try:
                showcase.refresh(on.study, on.space, on.identity)
            except Exception:
                log.warning("the study's note and plots are not up to date", exc_info=True)

        self._show(show, lambda _: None)

    def sweep_up(self) -> None:
        """Remove what the last trials left, and artifacts that died with a worker before any trial had them."""

        def sweep() -> None:
            with _what_cannot_go_stays():
                orphans = self._on.files.artifacts.orphans(self._on.study)
                self._errands.remove(orphans)
                remove(orphans)

        self._queue_tidying(is_last=True)
        self._call(sweep, lambda _: None)

    def _remove_untaken(self, trial: optuna.Trial, written: Sequence[ArtifactRecord]) -> None:
        """Remove those of the files of a trial that has ended which it does not have.

        It was given up meanwhile, or this is the second time: the store took its end, and broke off before it said so.
        """
        taken = records_of(trial.storage.get_trial(trial._trial_id))
        untaken = [each for each in written if each not in taken]
        self._errands.remove([self._on.files.artifacts.path(each.artifact_id) for each in untaken])
        with _what_cannot_go_stays():
            self._on.files.artifacts.remove(untaken)

    def _queue_tidying(self, *, is_last: bool) -> None:
        if not is_last and self._on.disk_limit is None and time.monotonic() < self._tidy_after:
            return
        self._tidy_after = time.monotonic() + TIDY_SECONDS
        self._call(self._tidy, self._tidied)

    def _tidy(self) -> str | None:
        """Remove the checkpoint of a trial that ended, and weights that are no longer among the best.

        Returns:
            What else had to go to keep within the disk's limit, or None.
        """
        on = self._on
        with _what_cannot_go_stays():
            remove(on.files.surplus(self._read_trials, keep=read_budget(on.study).keep))
        if on.disk_limit is None:
            return None
        expendable: dict[Path, str] = {}
        removed: list[Path] = []
        with _what_cannot_go_stays():
            expendable = on.files.expendable(on.study)
            removed = on.disk_limit.enforce(expendable)
        if not removed:
            return None
        names = ", ".join(expendable[path] for path in removed)
        return f"removed to keep within --max-disk {format_bytes(on.disk_limit.bytes)}: {names}"

    def _tidied(self, text: str | None) -> None:
        self._errands.tidy()
        if text is not None:
            self._note(text)


def tidy_ended(study: optuna.Study, files: TrialFiles) -> None:
    """Remove here what a worker left of a study that has ended: it was killed on its way out."""
    with _what_cannot_go_stays():
        remove(files.surplus(lambda: study.get_trials(deepcopy=False), keep=read_budget(study).keep))
    with _what_cannot_go_stays():
        remove(files.artifacts.orphans(study))


@contextmanager
def _what_cannot_go_stays() -> Iterator[None]:
    """Go on where a file cannot be removed: it costs room, and no trial. `sweep gc` finds it."""
    try:
        yield
    except OSError as error:  # somebody else's file, a file system that may only be read now
        log.warning("not removed: %s", error)
