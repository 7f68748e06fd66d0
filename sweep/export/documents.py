"""The folder's files that need no Keras: configuration, labels, metrics, tables, card, what predict.py needs."""

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from sweep.documents import to_json
from sweep.export.candidate import Candidate
from sweep.export.card import write_card
from sweep.export.measures import Measured, data_document, part_document
from sweep.figures.matrices import confusion_matrix
from sweep.figures.rendering import render

SCHEMA_VERSION: Final = 1
NEEDED: Final = ("keras", "tensorflow", "numpy", "pillow")  # by predict.py
PREDICT: Final = Path(__file__).parents[1] / "model" / "predict.py"


def write_terms(
    folder: Path,
    candidate: Candidate,
    *,
    known: Mapping[str, Measured],
    preprocessing: Mapping[str, Any],
    retrained: bool,
) -> None:
    """Write what the proof reads: the configuration, the labels, and the metrics as far as they are known.

    Args:
        folder: An exported folder in the making.
        candidate: The model.
        known: Its figures by part of the data; the other parts get theirs from the proof.
        preprocessing: How images are prepared for it.
        retrained: Whether it was trained again for this export.
    """
    identity, seed = candidate.identity, candidate.seed
    metrics = {
        part: part_document(known[part], part=part, identity=identity, seed=seed)
        if part in known
        else {"data": data_document(part, identity=identity, seed=seed)}
        for part in parts_of(candidate)
    }
    configuration = dict(candidate.document) | {
        "model": {
            "part": candidate.part,
            "study": candidate.study_name,
            "trial": candidate.trial,
            "seed": seed,
            "retrained": retrained,
        },
        "preprocessing": dict(preprocessing),
    }
    for name, document in {
        "config.json": configuration,
        "labels.json": list(identity.labels),
        "metrics.json": {"validation": None, "test": None} | metrics,
    }.items():
        (folder / name).write_text(to_json(document), encoding="utf-8")


def parts_of(candidate: Candidate) -> tuple[str, ...]:
    """The parts of the data that a model is measured on: a full model has no validation images left."""
    return ("test",) if candidate.part == "full" else ("validation", "test")


def write_documents(
    folder: Path,
    candidate: Candidate,
    *,
    parts: Mapping[str, Measured],
    preprocessing: Mapping[str, Any],
    formats: tuple[str, ...],
    before: Mapping[str, Measured] | None,
) -> dict[str, Any]:
    """Write, after the proof, every file that is left but the manifest; the metrics are whole now.

    Args:
        folder: An exported folder in the making.
        candidate: The model.
        parts: Its figures on the parts `validation` (not of a full model) and `test`.
        preprocessing: How images are prepared for it.
        formats: Besides model.keras and saved_model/.
        before: What the trial measured when it was first trained, if the model was trained again; else None.

    Returns:
        What metrics.json holds.
    """
    identity, seed, labels = candidate.identity, candidate.seed, candidate.identity.labels
    metrics: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "validation": None} | {
        part: part_document(measured, part=part, identity=identity, seed=seed) for part, measured in parts.items()
    }
    metrics["confirmed"] = None if candidate.confirmed is None else dict(candidate.confirmed)
    versions = needed_versions()
    matrix = metrics["test"]["confusion_matrix"]
    figure = confusion_matrix(matrix, labels, title=f"{candidate.study_name}, {candidate.name}: test images")
    card = write_card(candidate, metrics, preprocessing, versions=versions, formats=formats, before=before)
    for name, text in {
        "metrics.json": to_json(metrics),
        "confusion_matrix.csv": _table(matrix, labels),
        "MODEL_CARD.md": card,
        "requirements.txt": "".join(f"{name}=={version}\n" for name, version in versions.items()),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "confusion_matrix.png").write_bytes(render(figure))
    shutil.copyfile(PREDICT, folder / "predict.py")
    return metrics


def needed_versions() -> dict[str, str]:
    """The packages that predict.py needs, with the versions that the model was made with."""
    return {name: metadata.version(name) for name in NEEDED}


def _table(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["true \\ predicted", *labels])
    writer.writerows([label, *row] for label, row in zip(labels, matrix, strict=True))
    return text.getvalue()
