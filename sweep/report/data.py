"""The images of a study, as far as this host has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sweep.data.dataset import DataReference, load_dataset
from sweep.data.source import DataError, Images
from sweep.data.split import split_dataset
from sweep.identity import Identity

SAMPLES = 10  # images of each class


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """What the images are.

    Attributes:
        parts: Images of each class, by part.
        samples: Training images of each class, uint8 of shape (m, height, width, channels).
        source: Where they were found.
        problem: Why they cannot be shown, or None.
    """

    parts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    samples: Sequence[Images] = ()
    source: str = ""
    problem: str | None = None


def find_data(identity: Identity, *, cache: Path, data_dir: Path | None) -> Data:
    """Load the images if this host has them; nothing is downloaded.

    Args:
        identity: The study's.
        cache: Folder of downloads.
        data_dir: Folder that alone is searched for Fashion-MNIST's files, or None.
    """
    reference = DataReference(
        name=identity.dataset,
        data_dir=data_dir,
        cache_dir=cache,
        image_size=identity.image_size,
        color=identity.color,
    )
    try:
        dataset = load_dataset(reference, download=False)
        if dataset.sha256 != identity.dataset_sha256:
            return Data(problem=f"{identity.dataset} holds other images here ({dataset.source}) than the study's.")
        split = split_dataset(dataset, seed=identity.seed, limit=identity.limit)
    except (DataError, OSError) as error:
        first = next(iter(str(error).splitlines()), "")
        return Data(problem=f"the images are not on this host. {first}")
    classes = dataset.classes
    parts = {
        "training": split.y_train,
        "validation": split.y_validation,
        "test": split.y_test,
    }
    return Data(
        parts={name: np.bincount(labels, minlength=classes).tolist() for name, labels in parts.items()},
        samples=[split.x_train[np.flatnonzero(split.y_train == index)[:SAMPLES]] for index in range(classes)],
        source=dataset.source,
    )
