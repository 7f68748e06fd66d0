"""Networks that the benchmarks train, and what they are trained on."""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # before Keras is imported

import numpy as np

from search_spaces import find_space
from search_spaces.layers import (
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
)
from search_spaces.plan import LayerPlan
from sweep.data.dataset import DataReference
from sweep.messages import Job

TEST_DATA = Path(__file__).resolve().parent.parent / ".test-data"  # the tests' own copy of Fashion-MNIST, if they ran
# Else as `sweep` has it by default: nothing is downloaded twice.
CACHE = TEST_DATA if TEST_DATA.is_dir() else Path("sweep-data", "cache").absolute()
SHAPE, CLASSES = (28, 28, 1), 10


def reported(family: str) -> LayerPlan:
    """The network of a family's first reported experiment."""
    space = find_space(family)
    return space.from_dict(space.reported[0].configuration).plan(SHAPE, CLASSES)


def compact() -> LayerPlan:
    """About 24 MMAC: as much as a compact residual network of 1.2 M parameters."""
    layers: list[Layer] = []
    for filters, count in ((32, 2), (64, 2), (128, 1)):
        for _ in range(count):
            layers += [Convolution(filters=filters), BatchNormalization()]
        layers.append(MaxPooling())
    layers += [GlobalAveragePooling(), Dense(units=CLASSES, activation="softmax")]
    return LayerPlan(image_shape=SHAPE, classes=CLASSES, layers=tuple(layers))


def small() -> LayerPlan:
    """About 8 MMAC: the report's three isolated convolutions at a quarter of their width."""
    layers: list[Layer] = []
    for filters in (32, 64, 128):
        layers += [Convolution(filters=filters), MaxPooling(), BatchNormalization(), Dropout(rate=0.2)]
    layers += [Flatten(), Dense(units=96, l2=0.001), BatchNormalization(), Dropout(rate=0.2)]
    layers.append(Dense(units=CLASSES, activation="softmax"))
    return LayerPlan(image_shape=SHAPE, classes=CLASSES, layers=tuple(layers))


def tiny() -> LayerPlan:
    """A third of a MMAC, where what surrounds the arithmetic costs most."""
    layers = (
        *(Convolution(filters=8), MaxPooling(), BatchNormalization()),
        *(Convolution(filters=16), MaxPooling(), BatchNormalization()),
        *(GlobalAveragePooling(), Dense(units=CLASSES, activation="softmax")),
    )
    return LayerPlan(image_shape=SHAPE, classes=CLASSES, layers=layers)


def make_job(folder: Path, plan: LayerPlan, *, limit: int, epochs: int, **changes: Any) -> Job:
    """A trainer's job on Fashion-MNIST that trains all its epochs, its files in a folder; the rest can be changed."""
    values = {
        "trial": 0,
        "plan": plan,
        "data": DataReference(cache_dir=CACHE),
        "seed": 43,
        "limit": limit,
        "epochs": epochs,
        "patience": epochs,
        "batch_size": 64,
        "precision": "auto",
        "deterministic": False,
        "backbone_weights": None,
        "evaluate_test": False,
        "checkpoint": folder / "checkpoint.npz",
        "resume_from": None,
        "weights": folder / "weights.npz",
    }
    return Job(**(values | changes))


def noise(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels: speed does not depend on what they show."""
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, *SHAPE), dtype=np.uint8), random.integers(0, CLASSES, count)
