"""The store thread: the study's calls in order, so that a slow store delays decisions and never training."""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from optuna.exceptions import UpdateFinishedTrialError

from storage import StorageError
from storage.engines import OUTAGES
from sweep.worker.lane import Lane

RETRY_SECONDS = (1, 2, 5, 15)  # then every 15 seconds: an outage is waited out

Value = TypeVar("Value")
log = logging.getLogger(__name__)


class Bookkeeper:
    """Runs calls on the store one after the other.

    Args:
        wake: Called, in the store thread, after each call: it wakes the worker's loop.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._closing = threading.Event()
        self._last_outage = -math.inf
        self._lane = Lane("store", wake)

    def submit(self, call: Callable[[], Value]) -> "Future[Value | None]":
        """Queue a call. It is repeated while the store is away, so a second run must do no harm.

        Returns:
            A future of its answer; None if the trial was given up meanwhile: a late result is dropped quietly.
        """
        return self._lane.submit(lambda: self._run(call))

    def seconds_since_outage(self) -> float:
        """Since a call last failed because the store was away."""
        return time.monotonic() - self._last_outage

    def close(self, seconds: float) -> None:
        """Finish what is queued, without waiting out a further outage; a store that is silent is left so.

        Args:
            seconds: Time for what is queued.
        """
        self._closing.set()
        self._lane.close(seconds)

    def _run(self, call: Callable[[], Value]) -> Value | None:
        failures = 0
        while True:
            try:
                return call()
            except UpdateFinishedTrialError:
                log.info("a trial was given up by another worker; its late result is dropped")
                return None
            except (*OUTAGES, StorageError) as error:
                self._last_outage = time.monotonic()
                if self._closing.is_set():
                    raise
                pause = RETRY_SECONDS[min(failures, len(RETRY_SECONDS) - 1)]
                log.warning("the store does not answer (%s); trying again in %d s", type(error).__name__, pause)
                failures += 1
                self._closing.wait(pause)
