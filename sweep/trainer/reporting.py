"""The callback between Keras and the worker: reports, timing, stops."""

import math
import time
from collections.abc import Callable
from typing import Any

import keras

from sweep.messages import Answer, EpochEnd, Job, Progress

PROGRESS_SECONDS = 0.5


class TrialStoppedError(Exception):
    """The worker asked to end this trial."""


class NotFiniteError(Exception):
    """The training loss is infinite or not a number."""


class Reporter(keras.callbacks.Callback):  # type: ignore[misc] # keras ships without types
    """Sends each epoch's measures, a sign of life in between, and obeys a stop at the next batch.

    Args:
        job: The trial.
        images: Training images in an epoch.
        send: Sends one answer to the worker.
        is_stopped: Whether the worker asked to end a trial.
    """

    def __init__(
        self, job: Job, *, images: int, send: Callable[[Answer], None], is_stopped: Callable[[int], bool]
    ) -> None:
        super().__init__()
        self.history: list[EpochEnd] = []
        self._job = job
        self._images = images
        self._send = send
        self._is_stopped = is_stopped
        self._epoch: int | None = None
        self._batch_end = 0.0
        self._done = 0  # images of the epoch
        self._last_progress = 0.0
        self._timed_images = 0
        self._timed_seconds = 0.0

    @property
    def train_seconds(self) -> float:
        """What the epochs took, those before an interruption too."""
        return sum(end.seconds for end in self.history)

    @property
    def images_per_second(self) -> float | None:
        """Training speed without compilation and validation; None before the second batch.

        The first call of every epoch is left out: in the first epoch it holds the compilation.
        """
        return self._timed_images / self._timed_seconds if self._timed_seconds > 0 else None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the epoch's clock."""
        self._epoch, self._done = epoch + 1, 0
        self._epoch_start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Report progress, stop if asked."""
        now = time.perf_counter()
        done = min((batch + 1) * self._job.batch_size, self._images)  # several batches may have gone together
        if self._done > 0:
            self._timed_images += done - self._done
            self._timed_seconds += now - self._batch_end
        self._done, self._batch_end = done, now
        self._alive(done / self._images)

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop if asked."""
        self._alive(1.0)

    def on_predict_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop if asked; the epochs are over."""
        self._epoch = None
        self._alive(1.0)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Send the epoch's measures.

        Raises:
            NotFiniteError: If the training loss is not finite.
        """
        measures = {name: float(value) for name, value in (logs or {}).items()}
        seconds = time.perf_counter() - self._epoch_start
        if not math.isfinite(measures["loss"]):
            raise NotFiniteError(f"The loss became {measures['loss']} in epoch {epoch + 1}.")
        end = EpochEnd(
            trial=self._job.trial,
            epoch=epoch + 1,
            loss=measures["loss"],
            accuracy=measures["accuracy"],
            val_loss=measures.get("val_loss", math.nan),
            val_accuracy=measures.get("val_accuracy", math.nan),
            seconds=seconds,
        )
        self.history.append(end)
        self._send(end)

    def computing(self, backbone: str, fraction: float, images_per_second: float | None) -> None:
        """Say that a backbone's features are being computed, or waited for; stop if asked.

        Args:
            backbone: Its name.
            fraction: Share done, 0 to 1.
            images_per_second: Speed, or None before it is known.

        Raises:
            TrialStoppedError: If the worker asked to end the trial.
        """
        self._tell(
            Progress(
                trial=self._job.trial,
                epoch=None,
                fraction=fraction,
                images_per_second=images_per_second,
                features_of=backbone,
            )
        )

    def _alive(self, fraction: float) -> None:
        self._tell(
            Progress(
                trial=self._job.trial, epoch=self._epoch, fraction=fraction, images_per_second=self.images_per_second
            )
        )

    def _tell(self, progress: Progress) -> None:
        if self._is_stopped(self._job.trial):
            raise TrialStoppedError
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            self._send(progress)
