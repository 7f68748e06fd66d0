"""How a configuration is trained: the part of a study that its search space does not vary."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A way to train, with Adam at Keras's default rate and sparse categorical cross-entropy.

    Attributes:
        name: What `--recipe` calls it.
        epochs: At most so many epochs.
        patience: Epochs without a better validation accuracy before training stops; the best epoch is restored.
        batch_size: Images in a training step.
    """

    name: str
    epochs: int
    patience: int
    batch_size: int


# The report names Adam and early stopping; it leaves batch size, epochs and patience open: usual values taken.
RECIPES = {"report": Recipe(name="report", epochs=50, patience=5, batch_size=128)}
