"""Which workers of this host are dead: known at once, where a missing heartbeat takes two minutes.

Each worker holds a lock on a file of its own as long as it lives; the system releases it however it dies, and
unlike a process number a lock is never taken over by a stranger.
"""

import fcntl
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from storage import Location


def marks_folder(home: Path, location: Location) -> Path:
    """Where the workers of a home show that they live, apart for each store that is used with it.

    Who looks into one store cannot know whether another one still needs a dead worker's mark.

    Args:
        home: The home.
        location: The store that they work on.
    """
    key = location.key_in(home)
    return home / "workers" / f"@{key}" if key else home / "workers"


class WorkerMark:
    """The mark of a living worker.

    Args:
        folder: Folder of the marks, below the home.

    Attributes:
        name: What the worker's trials carry as attribute `worker`.
        is_settled: Whether all its trials were ended or given back.
        claimed: Numbers of the trials that it knows to be its own. One that carries its name and is not among them
            was claimed when the store's answer got lost.
    """

    def __init__(self, folder: Path) -> None:
        self.name = uuid.uuid4().hex
        self.is_settled = False
        self.claimed: set[int] = set()
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / self.name
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A worker that had to leave trials behind leaves its mark too, unlocked: it says that they are nobody's.
        if self.is_settled:
            self._path.unlink(missing_ok=True)
        self._file.close()

    def is_dead(self, worker: str | None) -> bool:
        """Whether that worker ran from this home and is gone; False where that cannot be known."""
        return worker != self.name and is_dead(self._folder, worker)


def is_dead(folder: Path, worker: str | None) -> bool:
    """Whether a worker left its mark in a folder and is gone; False where that cannot be known. Changes nothing."""
    if worker is None or not worker.isalnum():
        return False
    with suppress(FileNotFoundError), (folder / worker).open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
    return False
