"""What every peer is given: the space, the images, the network of a configuration, a file for its events."""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EPOCHS = 12  # of a trial, at most
BATCH_SIZE = 64
LIMIT = 3000  # images to train on, and as many to validate on
IMAGE_SHAPE, CLASSES = (28, 28, 1), 10
BEGAN = "BENCH_PEERS_BEGAN"  # variable: monotonic seconds at which the process was started


@dataclass(frozen=True, kw_only=True)
class Order:
    """What one process is to do.

    Attributes:
        images: An .npz file with `x_train`, `y_train`, `x_validation` and `y_validation`, uint8 and int64.
        events: File that the events are appended to, a JSON object a line.
        folder: Folder of its own for what it keeps.
        seed: Of its sampler.
        cores: That it may use.
    """

    images: Path
    events: Path
    folder: Path
    seed: int
    cores: int

    def to_json(self) -> str:
        """As one argument of a command."""
        return json.dumps({name: str(it) if isinstance(it, Path) else it for name, it in vars(self).items()})


def read_order() -> Order:
    """The order in this process's argument."""
    values = json.loads(sys.argv[1])
    return Order(**values | {name: Path(values[name]) for name in ("images", "events", "folder")})


def bounds() -> dict[str, Any]:
    """The family's own declarations by name, so that every peer's space has their values and bounds."""
    from narrow import Narrow

    from search_spaces.configuration import parameters_of

    return dict(parameters_of(Narrow))


def read_images(path: Path) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Images and classes to train on, and those to validate on, as numpy arrays."""
    import numpy as np

    with np.load(path) as arrays:
        return (arrays["x_train"], arrays["y_train"]), (arrays["x_validation"], arrays["y_validation"])


def make_network(values: Mapping[str, Any]) -> Any:
    """The compiled Keras model of a configuration; `l2` and `dropout` are None where they are off."""
    from narrow import Narrow

    from search_spaces.build import build_model

    model = build_model(Narrow(**values).plan(IMAGE_SHAPE, CLASSES))
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def write_event(path: Path, **values: float | bool) -> None:
    """Append an event with the seconds since the process was started."""
    seconds = time.monotonic() - float(os.environ[BEGAN])
    with path.open("a") as file:  # short enough to be written at once, by whichever of a peer's processes
        file.write(json.dumps({"seconds": seconds, **values}) + "\n")


def make_epoch_events(path: Path) -> Any:
    """A Keras callback that writes each epoch's validation accuracy."""
    import keras

    return keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: write_event(path, epoch=epoch + 1, val_accuracy=float(logs["val_accuracy"]))
    )
