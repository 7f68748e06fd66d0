"""A trial's learning curve as text, for a terminal."""

import math
from collections.abc import Mapping, Sequence

HEIGHT = 8  # lines
WIDTH = 60  # columns
VALIDATION, TRAINING = "●", "·"


def curve_lines(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Draw accuracy over epochs, validation on top of training; nothing where there is no finite value.

    Args:
        history: Columns `epoch`, `accuracy` and `val_accuracy`, as the trial recorded them.
    """
    curves = [(TRAINING, history.get("accuracy", ())), (VALIDATION, history.get("val_accuracy", ()))]
    finite = [value for _, values in curves for value in values if math.isfinite(value)]
    epochs = history.get("epoch", ())
    if not finite or not epochs:
        return []
    low, high = min(finite), max(finite)
    height = (high - low) or 1.0
    columns = min(WIDTH, 4 * len(epochs) - 3)
    grid = [[" "] * columns for _ in range(HEIGHT)]
    for mark, values in curves:
        for index, value in enumerate(values):
            if math.isfinite(value):
                column = round(index * (columns - 1) / max(len(epochs) - 1, 1))
                grid[HEIGHT - 1 - round((value - low) / height * (HEIGHT - 1))][column] = mark
    ends = {0: f"{100 * high:5.1f} %", HEIGHT - 1: f"{100 * low:5.1f} %"}
    lines = [f"{ends.get(row, ''):>7} │{''.join(cells).rstrip()}" for row, cells in enumerate(grid)]
    last = str(epochs[-1])
    axis = "1" if len(epochs) == 1 else f"{epochs[0]}{last:>{max(columns - len(str(epochs[0])), len(last) + 1)}}"
    return [*lines, f"{'':>7} └{'─' * columns}", f"{'epoch':>7}  {axis}   {VALIDATION} validation  {TRAINING} training"]
