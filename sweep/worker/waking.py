"""What wakes the worker's loop: signals from outside, and threads that have an answer."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Waking:
    """A pipe that the loop waits on, and the signals that a worker obeys while this is entered.

    Args:
        leave: Called at a second signal, after which the process ends at once: the next start repairs what is left.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self.signal: int | None = None  # that came first, or None
        self._leave = leave
        self.source, self._sink = os.pipe()  # the source is for `multiprocessing.connection.wait`
        os.set_blocking(self.source, False)
        os.set_blocking(self._sink, False)

    def __enter__(self) -> Self:
        self._handlers = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        ends, self.source, self._sink = (self.source, self._sink), -1, -1  # a late answer must not meet another's file
        for end in ends:
            os.close(end)

    def wake(self) -> None:
        """End the loop's wait; any thread may."""
        with suppress(OSError):  # a full pipe wakes just as well
            os.write(self._sink, b".")

    def clear(self) -> None:
        """The loop is awake."""
        with suppress(BlockingIOError):
            os.read(self.source, 4096)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            self._leave()
            os._exit(130)
        self.signal = number  # acted upon in the loop: a handler must not write into a trainer's pipe in mid-message
        self.wake()
