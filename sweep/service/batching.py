"""One thread that runs the model, on what waits rather than on request after request."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Final

import numpy as np

LARGEST_BATCH: Final = 32  # images; above it a convolutional network gets no faster per image, only later
CLOSE_SECONDS: Final = 3.0  # the batch that runs may take so long to end

Run = Callable[[np.ndarray], np.ndarray]
Observe = Callable[[int, float], None]


@dataclass(frozen=True, kw_only=True)
class _Waiting:
    images: np.ndarray
    answer: "Future[np.ndarray]" = field(default_factory=Future)


class Batcher:
    """Gathers the images that wait, runs the model on them together, and gives each his own back.

    Nobody is waited for: a lone request runs at once, and what comes while the model runs is the next batch.

    Args:
        run: The model: images of shape (n, h, w, c) to an array whose first axis is n. Called by one thread only.
        observe: Told of every batch: its images, and the seconds it took.
        largest: Images in a batch that is gathered; a request with more is a batch of its own.
    """

    def __init__(self, run: Run, observe: Observe, *, largest: int = LARGEST_BATCH) -> None:
        self._run = run
        self._observe = observe
        self._largest = largest
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="model")
        self._thread.start()

    def submit(self, images: np.ndarray) -> "Future[np.ndarray]":
        """Have images run.

        Args:
            images: Of shape (n, h, w, c), n at least 1.

        Returns:
            What the model makes of them. Cancelled in time, they are not run.

        Raises:
            RuntimeError: If the batcher is closed.
        """
        waiting = _Waiting(images=images)
        with self._changed:
            if self._closed:
                raise RuntimeError("The model was stopped.")
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.answer

    def close(self) -> None:
        """Let the batch that runs end, and cancel what waits."""
        with self._changed:
            self._closed = True
            for waiting in self._waiting:
                waiting.answer.cancel()
            self._waiting.clear()
            self._changed.notify()
        self._thread.join(timeout=CLOSE_SECONDS)

    def _work(self) -> None:
        while batch := self._gather():
            images = np.concatenate([each.images for each in batch]) if len(batch) > 1 else batch[0].images
            began = time.perf_counter()
            try:
                answers = self._run(images)
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked; the next batch may do better
                for each in batch:
                    each.answer.set_exception(error)
                continue
            self._observe(len(images), time.perf_counter() - began)
            taken = 0
            for each in batch:
                each.answer.set_result(answers[taken : taken + len(each.images)])
                taken += len(each.images)

    def _gather(self) -> list[_Waiting]:
        """The next batch, in the order of asking; empty once closed."""
        batch: list[_Waiting] = []
        images = 0
        with self._changed:
            while not batch:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return []
                while self._waiting and (not batch or images + len(self._waiting[0].images) <= self._largest):
                    each = self._waiting.popleft()
                    if each.answer.set_running_or_notify_cancel():
                        batch.append(each)
                        images += len(each.images)
        return batch
