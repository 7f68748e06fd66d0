"""A study's identity as tests want it."""

from typing import Any

from search_spaces import find_space
from sweep.identity import Identity
from sweep.samplers import PRUNERS, SAMPLERS


def make_identity(**changes: Any) -> Identity:
    """A study of `isolated`, of full length on Fashion-MNIST, unless told otherwise."""
    values = {
        "family": "isolated",
        "without": (),
        "space_hash": find_space("isolated").hash,
        "recipe": "report",
        "dataset": "fashion-mnist",
        "dataset_sha256": "c59f",
        "labels": ("shirt", "shoe"),
        "image_shape": (28, 28, 1),
        "image_size": None,
        "color": False,
        "validation_fraction": 0.1,
        "limit": None,
        "epochs": 50,
        "patience": 5,
        "batch_size": 128,
        "seed": 43,
        "sampler": "tpe",
        "sampler_settings": SAMPLERS["tpe"],
        "pruner": "median",
        "pruner_settings": PRUNERS["median"],
        "weights": None,
    }
    return Identity(**(values | changes))
