"""One trial, from a layer plan to measures in float32."""

import gc
import logging
import traceback
from collections.abc import Callable

import keras
import numpy as np

from search_spaces import ConfigurationError
from search_spaces.build import build_head, build_model
from sweep.data.dataset import DataReference, load_dataset
from sweep.data.split import Split, split_dataset
from sweep.failures import FailureKind
from sweep.limits import too_slow
from sweep.messages import Answer, Begun, Failure, FullResult, Job, Result, Resumed, Stopped, Trained
from sweep.trainer.augmentation import AUGMENTATIONS
from sweep.trainer.batches import Batches, ShuffledBatches, feed
from sweep.trainer.best_epoch import BestEpoch
from sweep.trainer.checkpoints import (
    Checkpoint,
    CheckpointError,
    disk_problems_logged,
    fingerprint,
)
from sweep.trainer.evaluation import BATCH_SIZE, measure, predict, project, with_features, worst_confusions
from sweep.trainer.frozen import FrozenFeatures
from sweep.trainer.latency import Latencies, TooSlowError
from sweep.trainer.mirroring import with_views
from sweep.trainer.normalization import with_fused_normalization
from sweep.trainer.optimizer import AveragedWeights
from sweep.trainer.precision import dtype_policy
from sweep.trainer.reporting import NotFiniteError, Reporter, TrialStoppedError
from sweep.trainer.step import compile_model
from sweep.trainer.weights import WeightsError, read_weights, write_weights

log = logging.getLogger(__name__)


class Trainer:
    """Runs jobs one after the other; the images of a study stay in memory between them.

    Behind a frozen backbone only the head is trained, on the backbone's features.

    Args:
        send: Sends one answer to the worker.
        is_stopped: Whether the worker asked to end a trial.
    """

    def __init__(self, *, send: Callable[[Answer], None], is_stopped: Callable[[int], bool]) -> None:
        self.backend: str = keras.backend.backend()
        self.device = _device()
        self._send = send
        self._is_stopped = is_stopped
        self._frozen = FrozenFeatures()
        self._latencies = Latencies()
        self._images: tuple[tuple[DataReference, int, int | None], Split] | None = None

    def run(self, job: Job) -> None:
        """Train one trial and send its end, whatever that is."""
        try:
            answer: Answer = self._train(job)
        except TrialStoppedError:
            answer = Stopped(trial=job.trial)
        except NotFiniteError as error:
            answer = Failure(trial=job.trial, kind=FailureKind.NAN, message=str(error))
        except TooSlowError as error:
            answer = Failure(trial=job.trial, kind=FailureKind.LIMIT, message=str(error))
        except ConfigurationError as error:
            answer = Failure(trial=job.trial, kind=FailureKind.INVALID, message=str(error))
        except Exception as error:  # noqa: BLE001 - one trial's failure must not end the sweep
            traceback.print_exc()  # to the trainer's log
            answer = Failure(trial=job.trial, kind=_kind(error), message=_first_line(error))
        self._frozen.release()
        keras.utils.clear_session()
        gc.collect()
        self._send(answer)

    def _train(self, job: Job) -> Result | FullResult:
        if job.deterministic:
            _make_deterministic()
        images = self._split(job)
        if job.full:
            images = images.with_all_for_training()
        reporter = Reporter(job, images=len(images.y_train), send=self._send, is_stopped=self._is_stopped)
        if job.trained is not None and (model := _taken_over(job, job.trained)) is not None:
            return _measured(job, model, images, reporter, job.trained, self._frozen, taken_over=True)
        policy = dtype_policy(job.precision, job.data.cache_dir)
        latency = self._latencies.of(job) if job.max_latency is not None else None
        self._send(Begun(trial=job.trial, dtype_policy=policy, latency_seconds=latency))
        if latency is not None and job.max_latency is not None and latency > job.max_latency:
            raise TooSlowError(too_slow(latency, job.max_latency))
        seen = self._frozen.of_split(job, images, policy, reporter)  # before the network: it sets seeds, too
        model = with_fused_normalization(_build(job, policy))
        compile_model(
            model,
            job.plan,
            batch_size=job.batch_size,
            images=len(images.y_train),
            epochs=job.epochs,
            training=job.training,
        )
        averages = AveragedWeights() if job.training.weight_averaging else None
        best = BestEpoch(patience=job.patience, averages=averages)
        self._fit(model, job, seen, reporter, best, averages)
        if not job.full:
            best.restore(model)
        trained = model.get_weights()
        model = _build(job, "float32")  # what is kept: in full precision, and of Keras's own layers alone
        model.set_weights(trained)
        done = Trained(
            weights=job.weights,
            best_epoch=best.epoch,
            history=tuple(reporter.history),
            train_seconds=reporter.train_seconds,
            images_per_second=reporter.images_per_second,
            dtype_policy=policy,
        )
        return _measured(job, model, images, reporter, done, self._frozen)

    def _fit(
        self,
        model: keras.Model,
        job: Job,
        images: Split,
        reporter: Reporter,
        best: BestEpoch,
        averages: AveragedWeights | None,
    ) -> None:
        batches = ShuffledBatches(
            images.x_train,
            images.y_train,
            batch_size=job.batch_size,
            seed=job.seed,
            augmentation=AUGMENTATIONS.get(job.training.augmentation),
        )
        checkpoint = Checkpoint(
            job.checkpoint,
            fingerprint=fingerprint(job),
            best=best,
            history=reporter.history,
            disk_limit=job.disk_limit,
            resumed_from=job.resume_from,
        )
        done = self._resume(model, job, checkpoint) if job.resume_from is not None else 0
        if done >= job.epochs or best.is_over:
            # Its last epoch had ended before it was interrupted; training ends with the averages, if there are any.
            model.optimizer.finalize_variable_values(model.trainable_variables)
            return
        held_out = None if job.full else Batches(images.x_validation, images.y_validation, batch_size=BATCH_SIZE)
        model.fit(
            feed(batches),
            shuffle=False,  # Keras would shuffle the batches once more, from a state that no seed and epoch gives
            initial_epoch=done,
            epochs=job.epochs,
            validation_data=None if held_out is None else feed(held_out),
            callbacks=[
                keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.start_epoch(epoch)),
                *([] if averages is None else [averages]),  # before what looks at its network
                reporter,
                *([] if job.full else [best]),
                checkpoint,
            ],
            verbose=0,
        )

    def _resume(self, model: keras.Model, job: Job, checkpoint: Checkpoint) -> int:
        """Go on from the attempt before, if its checkpoint is there and whole.

        Returns:
            Epochs done.
        """
        if job.resume_from is None or not job.resume_from.exists():
            self._send(Resumed(trial=job.trial, history=(), problem="there is no checkpoint on this host"))
            return 0
        try:
            history = checkpoint.read(model, job.resume_from, trial=job.trial)
        except CheckpointError as error:
            self._send(Resumed(trial=job.trial, history=(), problem=str(error)))
            return 0
        with disk_problems_logged():
            checkpoint.write(model, job.checkpoint)  # so that this attempt, cut at once, loses nothing either
            job.resume_from.unlink(missing_ok=True)
        self._send(Resumed(trial=job.trial, history=history, problem=None))
        return len(history)

    def _split(self, job: Job) -> Split:
        key = (job.data, job.seed, job.limit)
        if self._images is None or self._images[0] != key:
            self._images = (key, split_dataset(load_dataset(job.data), seed=job.seed, limit=job.limit))
        return self._images[1]


def _device() -> str:
    """What the backend computes on: `cpu`, `gpu`."""
    return ", ".join(sorted({device.split(":")[0] for device in keras.distribution.list_devices()}))


def _build(job: Job, policy: str) -> keras.Model:
    """What is trained of the job's network, under a dtype policy, with the weights that its seed begins with."""
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(job.seed)
    return build_model(job.plan) if job.plan.backbone is None else build_head(job.plan)


def _taken_over(job: Job, trained: Trained) -> keras.Model | None:
    """The network as it was trained elsewhere, or None if its weights are of no use."""
    model = _build(job, "float32")
    try:
        read_weights(model, trained.weights)
    except WeightsError as error:
        log.warning("trained again: %s", error)
        return None
    return model


def _measured(
    job: Job,
    model: keras.Model,
    images: Split,
    reporter: Reporter,
    trained: Trained,
    frozen: FrozenFeatures,
    *,
    taken_over: bool = False,
) -> Result | FullResult:
    """Write a float32 network's weights and run it over the held-out images, or over their features."""
    with disk_problems_logged():
        write_weights(model, job)
    viewed = with_views(with_features(model), job.plan)
    validation_images, test_images = frozen.held_out(job, images, reporter)
    test = predict(viewed, test_images, reporter) if test_images is not None else None
    measured = None if test is None else measure(model, test, images.y_test)
    if job.full and measured is not None:
        return FullResult(
            trial=job.trial,
            backend=keras.backend.backend(),
            device=_device(),
            test=measured,
            train_seconds=trained.train_seconds,
            images_per_second=trained.images_per_second,
            dtype_policy=trained.dtype_policy,
            history=trained.history,
        )
    validation = predict(viewed, validation_images, reporter)
    return Result(
        trial=job.trial,
        best_epoch=trained.best_epoch,
        validation=measure(model, validation, images.y_validation),
        test=measured,
        train_seconds=trained.train_seconds,
        images_per_second=trained.images_per_second,
        dtype_policy=trained.dtype_policy,
        weights_kept=job.weights.exists(),
        taken_over=taken_over,
        features_seconds=None if job.plan.backbone is None else frozen.seconds,
        features_images=frozen.images,
        history=trained.history,
        confusions=worst_confusions(validation, images.x_validation, images.y_validation),
        features=project(validation, images.y_validation),
        test_classes=None if test is None else np.stack([images.y_test, test.probabilities.argmax(axis=1)]),
    )


def _make_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf  # only TensorFlow has this switch; JAX is deterministic on one machine

        tf.config.experimental.enable_op_determinism()


def _kind(error: Exception) -> FailureKind:
    exhausted = isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
    if exhausted or "RESOURCE_EXHAUSTED" in str(error):  # JAX raises one class for every cause
        return FailureKind.MEMORY
    return FailureKind.CRASH


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
