"""The compiled training step: traced once, and as lean as the backend allows."""

from typing import Any

import keras
import numpy as np

from search_spaces.plan import LayerPlan
from sweep.recipe import Training
from sweep.trainer.optimizer import make_optimizer

REPORTS = Training()

# A call into the backend costs about 2 ms of Python, up to a tenth of a small network's step on two cores. Such steps
# go together, up to a share of a second, so that a stop is obeyed at once and progress is seen.
MACS_PER_CALL = 700_000_000  # forward; 50 ms of training at the 40 GMAC/s that two cores reach
MOST_STEPS = 16
LEAST_STEPS = 100  # in an epoch: a loop of steps takes 0.4 s more to trace, which shorter ones do not win back


def compile_model(
    model: keras.Model,
    plan: LayerPlan,
    *,
    batch_size: int,
    images: int,
    epochs: int = 1,
    training: Training = REPORTS,
) -> None:
    """Compile a network with the optimizer and the loss that it is trained with.

    Args:
        model: The network, or the part of it that is trained.
        plan: What it was built from.
        batch_size: Images in a training step.
        images: Training images in an epoch.
        epochs: The learning rate's schedule ends with the last of them. Default: 1.
        training: How it is trained. Default: as the report's.
    """
    on_tensorflow = keras.backend.backend() == "tensorflow"
    model.compile(
        optimizer=make_optimizer(training, model.trainable_variables, epochs=epochs, steps=-(-images // batch_size)),
        loss=make_loss(training.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False if on_tensorflow else "auto",  # XLA is 12 times slower on processors
        # JAX would compile each of the steps: they are unrolled there.
        steps_per_execution=steps_per_call(plan, batch_size=batch_size, images=images) if on_tensorflow else 1,
    )
    # What makes variables while it is traced is traced a second time: half of what a first step costs.
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, np.zeros(1, np.int64), np.zeros((1, plan.classes), np.float32))


def make_loss(smoothing: float | None) -> Any:
    """Cross-entropy to class indices, some of each label spread over all classes where that is asked for."""
    if smoothing is None:
        return "sparse_categorical_crossentropy"

    def smoothed_crossentropy(true: Any, predicted: Any) -> Any:
        indices = keras.ops.cast(keras.ops.reshape(true, (-1,)), "int32")
        labels = keras.ops.one_hot(indices, predicted.shape[-1], dtype=predicted.dtype)
        return keras.losses.categorical_crossentropy(labels, predicted, label_smoothing=smoothing)

    return smoothed_crossentropy


def steps_per_call(plan: LayerPlan, *, batch_size: int, images: int) -> int:
    """Training steps in one call into the backend."""
    if images < LEAST_STEPS * batch_size:
        return 1
    return max(1, min(MOST_STEPS, MACS_PER_CALL // max(1, plan.head_macs * batch_size)))
