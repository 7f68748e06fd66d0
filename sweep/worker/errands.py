"""What a worker fetches from the place that hosts share, and what it puts in order there."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from storage.errors import DamagedObjectError, PlaceError
from sweep.budget import read_budget
from sweep.disk_limit import WEIGHTS
from sweep.shared_files import ARTIFACTS, SharedFiles
from sweep.worker.assignment import Assignment
from sweep.worker.bookkeeper import RETRY_SECONDS
from sweep.worker.lane import Lane
from sweep.worker.outage import Threads

FETCH_SECONDS = 120.0  # that a trial waits for a place to give what it goes on from
CLOSE_SECONDS = 3.0  # for removing what nothing needs any more

Copied = tuple[SharedFiles | None, Path]  # a file, and the place where its copy may be

log = logging.getLogger(__name__)


class Errands:
    """Fetches and removes copies apart from the loop; without a place everything goes on at once.

    Args:
        assignment: The study and its files.
        threads: What binds this to the loop.
    """

    def __init__(self, assignment: Assignment, threads: Threads) -> None:
        self._on = assignment
        self._shared = assignment.files.shared
        self._calls, self._outage = threads.calls, threads.outage
        self._wake, self._leave_by = threads.wake, threads.leave_by
        self._closing = threading.Event()
        self._is_tidying = False
        self._made: list[Lane] = []  # only where they are needed; by the loop alone, or by who holds the lock
        self._lock = threading.Lock()

    def fetch(self, wanted: Iterable[Sequence[Copied]], then: Callable[[str | None], None]) -> None:
        """Bring here what a trial goes on from.

        Args:
            wanted: Of each of these files the first one that is to be had.
            then: Told why one of them is not here, or None. Called at once where this worker leaves.
        """
        lacking = [choice for choice in wanted if choice and choice[0][0] is not None and not choice[0][1].exists()]
        if not lacking:
            then(None)
            return

        def fetch() -> str | None:
            problems = [self._fetched_of(choice) for choice in lacking]
            return next(filter(None, problems), None)

        self._calls.add(
            self._lane().submit(fetch),
            then,
            until=lambda: self._leave_by() - FETCH_SECONDS,  # never while it works, and past as soon as it leaves
            late=lambda: then("this worker leaves"),
        )

    def tidy(self) -> None:
        """Remove copies that no rule keeps."""
        shared, on = self._shared, self._on
        if shared is None or self._is_tidying:
            return
        self._is_tidying = True

        def remove() -> None:
            self._is_tidying = False  # what ends from now on needs another look
            try:
                shared.remove_keys(shared.surplus(on.study, keep=read_budget(on.study).keep))
            except PlaceError as error:  # it costs room until the next look
                self._outage.refused(error)
            except Exception:  # of the store
                log.warning("%s was not tidied", shared, exc_info=True)

        self._lane().submit(remove)

    def remove(self, paths: Sequence[Path]) -> None:
        """Remove the copies of files that no trial took; any thread may."""
        shared = self._shared
        if shared is None or not paths:
            return

        def remove() -> None:
            try:
                shared.remove(paths)
            except PlaceError as error:  # `sweep gc` finds them
                log.warning("%s", error)

        self._lane().submit(remove)

    def catch_up(self) -> None:
        """Copy what lies in this home and not at the place: an earlier worker had no time, or no place, for it."""
        shared, on = self._shared, self._on
        if shared is None:
            return

        def copy() -> None:
            try:
                paths = on.files.lasting(on.study, keep=read_budget(on.study).keep)
                there = shared.names(WEIGHTS) | shared.names(ARTIFACTS) if paths else set()
                for path in paths:
                    if path.name not in there and not self._closing.is_set():
                        with suppress(FileNotFoundError):  # removed meanwhile
                            shared.copy(path)
            except PlaceError as error:  # the next worker tries again
                self._outage.refused(error)
            except Exception:  # of the store
                log.warning("not all that lies in this home was copied to %s", shared, exc_info=True)

        catching_up = Lane("catching up", self._wake)
        catching_up.submit(copy)
        catching_up.close(0)  # it ends with what is queued

    def close(self) -> None:
        """End the threads; what is still being removed has seconds."""
        self._closing.set()
        seconds = max(0.0, min(CLOSE_SECONDS, self._leave_by() - time.monotonic()))
        for lane in self._made:
            lane.close(seconds)

    def _lane(self) -> Lane:
        with self._lock:
            if not self._made:
                self._made.append(Lane("errands", self._wake))
            return self._made[0]

    def _fetched_of(self, choice: Sequence[Copied]) -> str | None:
        """Fetch the first file that is to be had; returns why the best one is not here, if none is."""
        until, problem = time.monotonic() + FETCH_SECONDS, None
        for shared, path in choice:
            found = self._fetched(shared, path, until)
            if found is None:
                return None
            problem = problem or found
        return problem

    def _fetched(self, shared: SharedFiles | None, path: Path, until: float) -> str | None:
        """Fetch a file, unless that takes too long or this worker leaves; returns why it is not here."""
        failures = 0
        while not path.exists():
            try:
                if shared is None or not shared.fetch(path):
                    return f"{path.name} is neither in this home nor at {shared}"
            except (DamagedObjectError, OSError) as error:
                return str(error)
            except PlaceError as error:
                self._outage.refused(error)
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                failures += 1
                if time.monotonic() + pause > until or self._closing.wait(pause):
                    return f"{path.name} could not be fetched. {error}"
            else:
                self._outage.answered()
        return None
