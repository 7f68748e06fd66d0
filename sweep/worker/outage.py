"""Whether the place that hosts share answers: said once when it does not, and once when it does again."""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from storage.errors import PlaceError
from sweep.shared_files import SharedFiles
from sweep.worker.calls import Calls


class Outage:
    """What threads that copy and fetch learn of the place, for the loop to say.

    Args:
        shared: The place; None: there is none.
        wake: Wakes the loop, from any thread.
    """

    def __init__(self, shared: SharedFiles | None, wake: Callable[[], None]) -> None:
        self._shared = shared
        self._wake = wake
        self._lock = threading.Lock()
        self._is_away = False
        self._said: queue.SimpleQueue[str] = queue.SimpleQueue()

    def refused(self, error: PlaceError) -> None:
        """The place could not do what was asked; any thread may say so."""
        with self._lock:
            was_away, self._is_away = self._is_away, True
        if not was_away:
            self._say(f"{error} Training goes on; what trials leave waits for {self._shared}.")

    def answered(self) -> None:
        """The place did what was asked; any thread may say so."""
        with self._lock:
            was_away, self._is_away = self._is_away, False
        if was_away:
            self._say(f"{self._shared} answers again.")

    def tell(self, note: Callable[[str], None]) -> None:
        """Say what there is to say; called from the loop."""
        while not self._said.empty():
            note(self._said.get())

    def _say(self, text: str) -> None:
        self._said.put(text)
        self._wake()


@dataclass(frozen=True, kw_only=True)
class Threads:
    """What binds the threads that copy and fetch to the worker's loop.

    Attributes:
        calls: Takes what the loop waits for.
        outage: Learns whether the place answers.
        wake: Wakes the loop, from any thread.
        leave_by: When this worker will have left, in monotonic seconds; infinity while it works.
    """

    calls: Calls
    outage: Outage
    wake: Callable[[], None]
    leave_by: Callable[[], float]
