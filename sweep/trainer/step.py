"""The compiled training step: traced once, and as lean as the backend allows."""

import keras
import numpy as np

from search_spaces.plan import LayerPlan

# A call into the backend costs about 2 ms of Python, up to a tenth of a small network's step on two cores. Such steps
# go together, up to a share of a second, so that a stop is obeyed at once and progress is seen.
MACS_PER_CALL = 700_000_000  # forward; 50 ms of training at the 40 GMAC/s that two cores reach
MOST_STEPS = 16
LEAST_STEPS = 100  # in an epoch: a loop of steps takes 0.4 s more to trace, which shorter ones do not win back


def compile_model(model: keras.Model, plan: LayerPlan, *, batch_size: int, images: int) -> None:
    """Compile a network with the optimizer and the loss of the recipe.

    Args:
        model: The network, or the part of it that is trained.
        plan: What it was built from.
        batch_size: Images in a training step.
        images: Training images in an epoch.
    """
    on_tensorflow = keras.backend.backend() == "tensorflow"
    model.compile(
        optimizer="adam",
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False if on_tensorflow else "auto",  # XLA is 12 times slower on processors
        # JAX would compile each of the steps: they are unrolled there.
        steps_per_execution=steps_per_call(plan, batch_size=batch_size, images=images) if on_tensorflow else 1,
    )
    # What makes variables while it is traced is traced a second time: half of what a first step costs.
    model.optimizer.build(model.trainable_variables)
    model.compute_metrics(None, np.zeros(1, np.int64), np.zeros((1, plan.classes), np.float32))


def steps_per_call(plan: LayerPlan, *, batch_size: int, images: int) -> int:
    """Training steps in one call into the backend."""
    if images < LEAST_STEPS * batch_size:
        return 1
    return max(1, min(MOST_STEPS, MACS_PER_CALL // max(1, plan.head_macs * batch_size)))
