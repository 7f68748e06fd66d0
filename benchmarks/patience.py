"""What another patience would have kept of a training: the report leaves open after how many epochs it stopped."""

from collections.abc import Sequence
from statistics import mean

from trainings import EXPERIMENTS, Training

from sweep.recipe import RECIPES

TITLE = "## Which patience was the report's?"
INTRODUCTION = """\
The report stops "after validation accuracy does not improve after a given number of epochs", and does not give the
number; {patience} is taken. A training with less patience is the beginning of this one, so its curve says which epoch
would have been kept. Below: that epoch, its validation accuracy in %, and its validation loss, which is to be held
against the report's test loss."""


def kept(val_accuracies: Sequence[float], patience: int) -> int:
    """The epoch, from 1, that early stopping keeps: the first of the best before `patience` epochs without a better.

    Args:
        val_accuracies: After each epoch, at least one.
        patience: At most what the training itself was stopped by, else what would have come is not known.
    """
    best = 0
    for epoch, accuracy in enumerate(val_accuracies):
        if accuracy > val_accuracies[best]:
            best = epoch
        elif epoch - best >= patience:
            break
    return best + 1


def section(trainings: Sequence[Training]) -> list[str]:
    """Lines of Markdown: a table of the epochs that each patience would have kept, and which is nearest to the report.

    Args:
        trainings: At least one, by the report's recipe.
    """
    longest = RECIPES["report"].patience
    assert longest is not None  # the report stops early
    choices = range(1, longest + 1)
    headings = ("experiment", "seed", "loss: report", *(f"patience {each}" for each in choices))
    distances = {each: mean(_distance(training, each) for training in trainings) for each in choices}
    return [
        TITLE,
        "",
        INTRODUCTION.format(patience=longest),
        "",
        f"| {' | '.join(headings)} |",
        f"|{'---|' * len(headings)}",
        *(_row(training, choices) for training in trainings),
        f"| mean distance of the losses | | | {' | '.join(f'{each:.3f}' for each in distances.values())} |",
    ]


def _row(training: Training, choices: Sequence[int]) -> str:
    cells = []
    for patience in choices:
        epoch = kept(training.val_accuracies, patience)
        accuracy, loss = training.val_accuracies[epoch - 1], training.val_losses[epoch - 1]
        cells.append(f"{epoch}: {100 * accuracy:.2f}, {loss:.3f}")
    reported = EXPERIMENTS[training.experiment].metrics.test_loss
    return f"| {training.experiment} | {training.seed} | {reported:.3f} | {' | '.join(cells)} |"


def _distance(training: Training, patience: int) -> float:
    """Between the validation loss of the kept epoch and the report's test loss."""
    loss = training.val_losses[kept(training.val_accuracies, patience) - 1]
    return abs(loss - EXPERIMENTS[training.experiment].metrics.test_loss)
