"""A trainer's job as tests want it."""

from pathlib import Path
from typing import Any

from sweep.data.dataset import DataReference
from sweep.messages import Job
from tests.small_networks import SMALL

ISOLATED = {"conv_layers": 3, "l2": 0.001, "batch_norm": True, "dropout": 0.2}


def make_job(folder: Path, **changes: Any) -> Job:
    """Two epochs on 40 digits by a small network, its files below a folder, unless told otherwise."""
    values = {
        "trial": 7,
        "plan": SMALL,
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
