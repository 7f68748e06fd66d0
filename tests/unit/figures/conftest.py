"""Small but complete data for the tests of figures."""

import numpy as np
import pytest
from matplotlib.text import Text

from search_spaces import find_space

LABELS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@pytest.fixture
def labels():
    return LABELS


@pytest.fixture
def texts():
    """All texts of a figure that are seen, legends and ticks included."""

    def find(figure):
        return [text.get_text() for text in figure.findobj(Text) if text.get_text() and text.get_visible()]

    return find


@pytest.fixture
def by_label():
    """The lines and points of a figure that have a label, one for each panel; a legend's are not among them."""

    def find(figure, label):
        return [line for axes in figure.axes for line in axes.lines if line.get_label() == label]

    return find


@pytest.fixture
def make_history():
    def make(epochs):
        steps = np.arange(1, epochs + 1)
        return {
            "epoch": steps.tolist(),
            "loss": (2 / steps).tolist(),
            "accuracy": (1 - 0.5 / steps).tolist(),
            "val_loss": (2.1 / steps).tolist(),
            "val_accuracy": (0.95 - 0.5 / steps).tolist(),
            "seconds": [2.5] * epochs,
        }

    return make


@pytest.fixture
def make_plan():
    def make(family, **changes):
        values = {"l2": None, "batch_norm": False, "dropout": None} | changes
        return find_space(family).from_dict(values).plan((28, 28, 1), 10)

    return make


@pytest.fixture
def random():
    return np.random.default_rng(3)
