"""Early stopping on validation accuracy, with a state that a checkpoint can keep."""

from contextlib import nullcontext
from typing import Any

import keras
import numpy as np

from sweep.trainer.optimizer import AveragedWeights


class BestEpoch(keras.callbacks.Callback):  # type: ignore[misc] # keras ships without types
    """Keeps the best epoch's weights and stops training when none better comes.

    Keras's own EarlyStopping forgets what it knows whenever training begins, so a resumed trial would stop at
    another epoch than an uninterrupted one.

    Args:
        patience: Epochs without a better validation accuracy before training stops; None: it never does.
        averages: Puts the moving averages of the weights into the network, which are kept then, or None. Default: None.

    Attributes:
        epoch: The best one, from 1; the first of equals. 0 before the first.
        value: Its validation accuracy.
        waited: Epochs since.
        weights: What `trained_variables` held then.
    """

    def __init__(self, *, patience: int | None, averages: AveragedWeights | None = None) -> None:
        super().__init__()
        self.epoch = 0
        self.value = -np.inf
        self.waited = 0
        self.weights: list[np.ndarray] = []
        self._patience = patience
        self._averages = averages

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Compare, keep, stop."""
        value = float((logs or {})["val_accuracy"])
        self.waited += 1
        if value > self.value:
            self.epoch, self.value, self.waited = epoch + 1, value, 0
            with nullcontext() if self._averages is None else self._averages.in_network():
                self.weights = [np.array(variable) for variable in trained_variables(self.model)]
        elif self.is_over:
            self.model.stop_training = True

    @property
    def is_over(self) -> bool:
        """Whether patience has run out."""
        return self._patience is not None and self.waited >= self._patience

    def restore(self, model: keras.Model) -> None:
        """Put the best epoch's weights back."""
        for variable, weights in zip(trained_variables(model), self.weights, strict=True):
            variable.assign(weights)


def trained_variables(model: keras.Model) -> list[keras.Variable]:
    """The variables that training changes, random states included; a frozen backbone is left out."""
    return [
        variable
        for layer in model.layers
        if not (isinstance(layer, keras.Model) and not layer.trainable)
        for variable in layer.variables
    ]
