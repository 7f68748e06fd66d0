"""The optimizer of one network: Adam's rate over the steps, weight decay, and the moving average of the weights."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from sweep.recipe import Training

if TYPE_CHECKING:
    from collections.abc import Iterator

# Smith's one-cycle policy (arXiv 1708.07120) with the shares that PyTorch's OneCycleLR begins, turns and ends at.
WARM_UP = 0.3  # of all steps
FIRST = 1 / 25  # of the highest rate
LAST = FIRST / 10_000


def make_optimizer(
    training: Training, variables: "list[keras.Variable]", *, epochs: int, steps: int
) -> keras.optimizers.Optimizer:
    """Adam, or AdamW where weights decay.

    Args:
        training: Rate, schedule, decay and averaging.
        variables: What is trained; vectors (biases, the scales of batch normalisation) do not decay.
        epochs: The schedule ends with the last of them.
        steps: Training steps in an epoch.
    """
    settings: dict[str, Any] = {"learning_rate": learning_rate(training, steps=epochs * steps)}
    if training.weight_averaging:
        # An average over about an epoch, however long that is.
        settings |= {"use_ema": True, "ema_momentum": 1 - 1 / max(2, steps)}
    if training.weight_decay is None:
        return keras.optimizers.Adam(**settings)
    optimizer = keras.optimizers.AdamW(weight_decay=training.weight_decay, **settings)
    optimizer.exclude_from_weight_decay(var_list=[each for each in variables if len(each.shape) < 2])
    return optimizer


def learning_rate(training: Training, *, steps: int) -> Any:
    """A number, or Keras's schedule over so many training steps."""
    highest = training.learning_rate
    match training.schedule:
        case "constant":
            return highest
        case "cosine":
            return keras.optimizers.schedules.CosineDecay(highest, decay_steps=steps)
        case "one-cycle":
            warm_up = max(1, int(WARM_UP * steps))
            return keras.optimizers.schedules.CosineDecay(
                highest * FIRST,
                decay_steps=max(1, steps - warm_up),
                alpha=LAST,
                warmup_target=highest,
                warmup_steps=warm_up,
            )
        case unknown:
            raise ValueError(f"Expected constant, cosine or one-cycle. Received: schedule={unknown!r}")


class AveragedWeights(keras.callbacks.Callback):  # type: ignore[misc] # keras ships without types
    """Validates the moving average of the weights, while the weights themselves go on being trained.

    Keras's own SwapEMAWeights swaps by adding and subtracting, which rounds the weights at every validation.
    """

    def __init__(self) -> None:
        super().__init__()
        self._trained: list[np.ndarray] | None = None

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages into the network."""
        self._trained = [np.array(each) for each in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        for variable in self.model.trainable_variables:
            variable.assign(np.array(variable))  # on JAX the average has the same buffer, which validation gives away

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        for variable, value in zip(self.model.trainable_variables, self._trained or (), strict=True):
            variable.assign(value)
        self._trained = None

    @contextmanager
    def in_network(self) -> "Iterator[None]":
        """Have the averages in the network for a while."""
        self.on_test_begin()
        yield
        self.on_test_end()
