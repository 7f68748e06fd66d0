"""What a worker's trials leave is copied to the place that hosts share: checkpoints, weights and artifacts."""

import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from storage.errors import PlaceError
from sweep.shared_files import SharedFiles
from sweep.worker.bookkeeper import RETRY_SECONDS
from sweep.worker.lane import Lane
from sweep.worker.outage import Threads
from sweep.worker.slots import Work

LANES = 4  # trials whose files are copied at once
LOOK_SECONDS = 0.5  # between two looks for newer checkpoints
PAUSE_SECONDS = 15.0  # before a checkpoint is offered again to a place that did not take one
LAST_SECONDS = 30.0  # that a trial which is given back waits for the copy of its last checkpoint
TELL_SECONDS = 2.0  # of a worker's leave, for telling the store

log = logging.getLogger(__name__)


class Copies:
    """Copies a study's files apart from the loop; without a place everything goes on at once.

    Training never waits for it: checkpoints are copied while trials train, and once more when one is given back; what
    a trial leaves is copied before its end is told, however long the place is away.

    Args:
        shared: The study's files at the place, or None.
        threads: What binds this to the loop.
        note: Says something worth a line.
    """

    def __init__(self, shared: SharedFiles | None, threads: Threads, *, note: Callable[[str], None]) -> None:
        self._shared = shared
        self._calls, self._outage, self._leave_by = threads.calls, threads.outage, threads.leave_by
        self._note = note
        self._closing = threading.Event()
        self._copied: dict[Path, tuple[int, int, int]] = {}  # checkpoints, as they were when they were copied
        self._under_way: set[Path] = set()
        self._look_after = 0.0  # monotonic seconds
        # A trial's files go by one lane, in their order: no older checkpoint comes after a newer one.
        self._lanes = [] if shared is None else [Lane(f"copying {index}", threads.wake) for index in range(LANES)]

    def look(self, works: Iterable[Work]) -> None:
        """Have the checkpoints of running trials copied that are newer than their copies."""
        now = time.monotonic()
        if self._shared is None or now < self._look_after:
            return
        self._look_after = now + LOOK_SECONDS
        for work in works:
            path = work.job.checkpoint
            if path not in self._under_way and self._is_newer(path):
                self._under_way.add(path)
                self._lane(work.number).submit(functools.partial(self._copy_checkpoint, path))

    def copy_last_checkpoint(self, work: Work, then: Callable[[], None]) -> None:
        """Copy the newest checkpoint of a trial that is given back, if time allows.

        Args:
            work: The trial; nobody trains it any more.
            then: Called once the copy is there, or is not waited for any longer.
        """
        path, since = work.job.checkpoint, time.monotonic()
        if self._shared is None or not self._is_newer(path):
            then()
            return
        self._calls.add(
            self._lane(work.number).submit(functools.partial(self._copy_checkpoint, path)),
            lambda _: then(),
            until=lambda: min(since + LAST_SECONDS, self._leave_by() - TELL_SECONDS),
            late=then,
        )

    def keep(self, number: int, paths: Sequence[Path], then: Callable[[], None]) -> None:
        """Copy what a trial leaves: bytes come before records. Repeated while the place is away.

        Args:
            number: The trial's number.
            paths: Its files.
            then: Called once the copies are there; also where this worker has to leave before: then the files are in
                this home alone, and its next worker copies them.
        """
        if self._shared is None:
            then()
            return

        def copy() -> None:
            for path in paths:
                self._copy_at_last(path)

        def late() -> None:
            self._note(f"trial {number}  not copied in time; the next worker from this home copies what it left")
            then()

        future = self._lane(number).submit(copy)
        self._calls.add(future, lambda _: then(), until=lambda: self._leave_by() - TELL_SECONDS, late=late)

    def close(self) -> None:
        """End the threads; what is not copied by now is left."""
        self._closing.set()
        for lane in self._lanes:
            lane.close(0)

    def _lane(self, number: int) -> Lane:
        return self._lanes[number % LANES]

    def _is_newer(self, path: Path) -> bool:
        stamp = _stamp(path)
        return stamp is not None and stamp != self._copied.get(path)

    def _copy_checkpoint(self, path: Path) -> None:
        """Copy a checkpoint as it is when its turn has come; where that fails, a later look tries again."""
        stamp = _stamp(path)
        try:
            if self._shared is not None and stamp is not None and stamp != self._copied.get(path):
                self._shared.copy(path)
                self._copied[path] = stamp
                self._outage.answered()
        except PlaceError as error:
            self._look_after = time.monotonic() + PAUSE_SECONDS
            self._outage.refused(error)
        except OSError as error:  # or the trial has ended
            log.info("%s was not copied: %s", path.name, error)
        finally:
            self._under_way.discard(path)

    def _copy_at_last(self, path: Path) -> None:
        """Copy a file, however long that takes, unless this worker leaves."""
        failures = 0
        while self._shared is not None:
            try:
                self._shared.copy(path)
                self._outage.answered()
                return
            except PlaceError as error:
                self._outage.refused(error)
                if self._closing.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]):
                    return
                failures += 1
            except OSError as error:  # nobody can copy what this host cannot read
                log.warning("%s was not copied: %s", path.name, error)
                return


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from the one that was there before it; None without one."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
