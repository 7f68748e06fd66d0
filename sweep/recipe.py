"""How a configuration is trained: the part that a study holds fixed, and the part that its space may vary."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search_spaces import Configuration

TYPICAL_BATCH = 128  # images, where the search chooses: the middle of what it chooses from


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A way to train, with Adam and sparse categorical cross-entropy.

    Attributes:
        name: What `--recipe` calls it.
        epochs: At most so many epochs.
        patience: Epochs without a better validation accuracy before training stops; None: it trains all epochs. The
            best epoch is restored.
        batch_size: Images in a training step; None: the search chooses it, as all of `Training`.
    """

    name: str
    epochs: int
    patience: int | None
    batch_size: int | None


# The report names Adam and early stopping; it leaves batch size, epochs and patience open: usual values taken.
# A tuned schedule ends with the last epoch: who stopped earlier would have trained at high rates only.
RECIPES = {
    "report": Recipe(name="report", epochs=50, patience=5, batch_size=128),
    "tuned": Recipe(name="tuned", epochs=20, patience=None, batch_size=None),
}


@dataclass(frozen=True, kw_only=True)
class Training:
    """How one network is trained, besides epochs and batch size; the defaults are the report's.

    What the model answers from, one view of an image or two, is part of its plan.

    Attributes:
        learning_rate: Adam's, at the schedule's highest point. Default: 0.001, Adam's own.
        schedule: `constant` (default), `cosine` or `one-cycle`.
        weight_decay: Decoupled, of kernels; None (default): none.
        label_smoothing: Share of the label that is spread over all classes; None (default): none.
        augmentation: A name of `sweep.trainer.augmentation.AUGMENTATIONS`, or `none` (default).
        weight_averaging: Whether the model has a moving average of the weights. Default: False.
    """

    learning_rate: float = 0.001
    schedule: str = "constant"
    weight_decay: float | None = None
    label_smoothing: float | None = None
    augmentation: str = "none"
    weight_averaging: bool = False


def training_of(configuration: "Configuration") -> Training:
    """How a configuration is trained: as it says itself, or as the report's."""
    from search_spaces.tuned import Tuned  # with it comes Optuna, which who only counts trials need not import

    if not isinstance(configuration, Tuned):  # a family's own parameter may have the name of one of the recipe's
        return Training()
    values = configuration.to_dict()
    return Training(**{each.name: values[each.name] for each in fields(Training) if each.name in values})  # type: ignore[arg-type] # checked when it was made


def batch_size_of(configuration: "Configuration", batch_size: int | None) -> int:
    """Images in a training step of a configuration.

    Args:
        configuration: It decides if it says how it is trained.
        batch_size: The study's; None if the search chooses it.
    """
    from search_spaces.tuned import Tuned

    if isinstance(configuration, Tuned):
        return configuration.batch_size
    return TYPICAL_BATCH if batch_size is None else batch_size


def in_words(epochs: int, patience: int | None, batch_size: int | None) -> str:
    """What a study holds fixed of its recipe, in one line."""
    stopping = "no early stopping" if patience is None else f"patience {patience}"
    batches = "batch size searched" if batch_size is None else f"batches of {batch_size}"
    return f"at most {epochs} epoch{'' if epochs == 1 else 's'}, {stopping}, {batches}"
