"""What the exporting process tells the builder, as one line of JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sweep.export.measures import Measured


@dataclass(frozen=True, kw_only=True)
class Specification:
    """A network to build, what it was trained on, and where its files go.

    Attributes:
        folder: Takes the files; it exists.
        formats: Besides model.keras and saved_model/: `onnx`, `litert`.
        part: `trial`, or `full` where there are no validation images.
        family, without, recipe, mirrored, config: The search space, and the configuration in it.
        labels: Class names in the order of their indices.
        image_shape: Height, width, channels.
        seed: Of the weights and of the validation split.
        limit: Images per part at most, or None.
        weights: File of the trained weights.
        backbone_weights: File of the frozen backbone's, or None for random ones or no backbone.
        dataset, data_dir, cache_dir, image_size, color: See `DataReference`.
        dataset_sha256: Of the images that are meant.
        known: What was measured when it was trained, by part of the data.
        known_exactly: Whether that is true to float32; what a GPU measured is measured again.
    """

    folder: Path
    formats: tuple[str, ...]
    part: str
    family: str
    without: tuple[str, ...]
    recipe: str
    mirrored: bool
    config: Mapping[str, Any]
    labels: tuple[str, ...]
    image_shape: tuple[int, int, int]
    seed: int
    limit: int | None
    weights: Path
    backbone_weights: Path | None
    dataset: str
    data_dir: Path | None
    cache_dir: Path
    image_size: int | None
    color: bool
    dataset_sha256: str
    known: Mapping[str, Measured]
    known_exactly: bool

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def from_json(cls, line: str) -> "Specification":
        """The inverse of `to_json`."""
        values = json.loads(line)
        for name in ("formats", "without", "labels", "image_shape"):
            values[name] = tuple(values[name])
        for name in ("folder", "weights", "backbone_weights", "data_dir", "cache_dir"):
            values[name] = None if values[name] is None else Path(values[name])
        values["known"] = {part: Measured(**each) for part, each in values["known"].items()}
        return cls(**values)
