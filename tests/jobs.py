"""A trainer's job as tests want it."""

from pathlib import Path
from typing import Any

from search_spaces.layers import BatchNormalization, Convolution, Dense, Dropout, Flatten, MaxPooling
from search_spaces.plan import LayerPlan
from sweep.data.dataset import DataReference
from sweep.messages import Job

ISOLATED = {"conv_layers": 3, "l2": 0.001, "batch_norm": True, "dropout": 0.2}
# What networks of `isolated` are made of, in a third of the time to trace: most of a short training.
LAYERS = (
    Convolution(filters=4),
    BatchNormalization(),
    MaxPooling(),
    Dropout(rate=0.2),
    Flatten(),
    Dense(units=16, l2=0.001),
    Dense(units=10, activation="softmax"),
)


def make_job(folder: Path, **changes: Any) -> Job:
    """Two epochs on 40 digits by a small network, its files below a folder, unless told otherwise."""
    values = {
        "trial": 7,
        "plan": LayerPlan(image_shape=(28, 28, 1), classes=10, layers=LAYERS),
        "data": DataReference(name="digits", cache_dir=folder),
        "seed": 43,
        "limit": 40,
        "epochs": 2,
        "patience": 5,
        "batch_size": 16,
        "precision": "float32",
        "deterministic": False,
        "backbone_weights": None,
        "evaluate_test": False,
        "checkpoint": folder / "checkpoints" / "7.npz",
        "resume_from": None,
        "weights": folder / "weights" / "7.weights.npz",
    }
    return Job(**(values | changes))
