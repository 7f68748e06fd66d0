"""A thread that runs calls one after the other, so that the worker's loop need not wait for them."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Value = TypeVar("Value")


class Lane:
    """Runs calls in their order.

    Its thread is a daemon: a database driver that waits cannot be interrupted, and must not keep the process alive.

    Args:
        name: Of the thread.
        wake: Called in it after each call: it wakes the worker's loop.
    """

    def __init__(self, name: str, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._queue: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True, name=name)
        self._thread.start()

    def submit(self, call: Callable[[], Value]) -> Future[Value]:
        """Queue a call; its answer or its error comes with the future."""
        future: Future[Value] = Future()
        future.add_done_callback(lambda _: self._wake())
        self._queue.put((future, call))
        return future

    def close(self, seconds: float) -> None:
        """Finish what is queued, or leave it after so many seconds."""
        self._queue.put(None)
        self._thread.join(seconds)

    def _serve(self) -> None:
        while (queued := self._queue.get()) is not None:
            future, call = queued
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whoever asked gets it
                future.set_exception(error)
