"""The process in which an exported folder proves itself: it knows only the folder and the data set.

`python -m sweep.model.proof` takes one JSON document on standard input, as `sweep.model.verifying` writes it, and
answers with one on standard output.
"""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from sweep.data.dataset import DataError, DataReference, Dataset, load_dataset
from sweep.data.split import split_dataset
from sweep.model.predict import Classifier, FolderError, Pixels, Probabilities
from sweep.model.runtimes import PATHS, TOLERANCE, FormatError, MissingRuntimeError, formats_of, run_format
from sweep.model.scoring import compare_part

# What metrics.json says of a part of the data.
FIGURES = frozenset(
    {
        "images",
        "accuracy",
        "loss",
        "cross_entropy",
        "precision",
        "recall",
        "f1",
        "rmse",
        "per_class",
        "confusion_matrix",
    }
)


def main() -> None:
    """Answer the request on standard input."""
    answer_to = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the libraries print is no answer
    request = json.load(sys.stdin)
    tf.config.experimental.enable_tensor_float_32_execution(False)  # it rounds products to 10 bits
    data = request["data"]
    answer = prove_folder(
        Path(request["folder"]),
        data=None if data is None else _reference(data),
        data_required=request["data_required"],
        measure_missing=request["measure_missing"],
    )
    with answer_to:
        json.dump(answer, answer_to)


def prove_folder(
    folder: Path, *, data: DataReference | None, data_required: bool, measure_missing: bool = False
) -> dict[str, Any]:
    """Run every format on proof.npz, and the whole score where the data is at hand.

    Args:
        folder: The exported folder.
        data: Where to find the images, on this host only; None: the score is not repeated.
        data_required: Whether it is a problem if they cannot be had.
        measure_missing: Whether a part of metrics.json without figures is measured for the first time.

    Returns:
        `formats`, `score`, `source`, `not_repeated` and `problems`, as `sweep.model.verifying.Proof` holds them.
    """
    problems: list[str] = []
    answer: dict[str, Any] = {
        "formats": {},
        "score": None,
        "source": None,
        "not_repeated": "no data set was named",
        "problems": problems,
    }
    try:
        classifier = Classifier(folder)
        images, expected = _read_proof(folder, classifier)
    except (FolderError, FormatError) as error:
        return answer | {"problems": [str(error)], "not_repeated": "the folder's own proof fails"}
    for name in formats_of(folder):
        run = classifier.probabilities if name == "keras" else partial(run_format, name, folder)
        proof, problem = _prove_format(name, run, images, expected)
        answer["formats"][name] = proof
        problems += problem
    if data is not None:
        try:
            dataset = load_dataset(data, download=False)
            answer |= _repeat_score(folder, classifier, dataset, measure_missing=measure_missing)
        except (DataError, FormatError) as error:
            answer["not_repeated"] = str(error)
        problems += answer.pop("differences", [])
    if data_required and answer["score"] is None:
        problems.append(f"the score was not repeated: {answer['not_repeated']}")
    return answer


def _read_proof(folder: Path, classifier: Classifier) -> tuple[Pixels, np.ndarray[Any, Any]]:
    path = folder / "proof.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            images, labels, expected = arrays["images"], arrays["labels"], arrays["probabilities"]
    except Exception as error:  # a damaged file raises whatever its reader meets
        raise FormatError(f"proof.npz cannot be read: {type(error).__name__}: {error}") from error
    shapes = (images.shape[1:], labels.shape, expected.shape)
    wanted = (classifier.image_shape, images.shape[:1], (len(images), len(classifier.labels)))
    if images.dtype != np.uint8 or shapes != wanted or len(images) == 0:
        raise FormatError(f"proof.npz does not fit the model. Expected shapes {wanted}. Received: {shapes}.")
    return images, expected


def _prove_format(
    name: str, run: Callable[[Pixels], Probabilities], images: Pixels, expected: np.ndarray[Any, Any]
) -> tuple[dict[str, Any], list[str]]:
    proof: dict[str, Any] = {"checked": True, "images": len(images), "difference": None, "note": None}
    try:
        found = run(images)
    except MissingRuntimeError as error:
        return proof | {"checked": False, "images": 0, "note": str(error)}, []
    except FormatError as error:
        return proof, [str(error)]
    if found.shape != expected.shape:
        return proof, [f"{PATHS[name]} gives shape {found.shape}, but proof.npz has {expected.shape}"]
    differences = np.abs(found - expected)
    largest = float(differences.max())
    proof["difference"] = largest if np.isfinite(largest) else None
    if not (differences <= TOLERANCE).all():  # a NaN is no small difference
        worst = int(differences.max(axis=1).argmax())
        complaint = f"probabilities of image {worst} of proof.npz differ by {largest:.2g}"
        return proof, [f"{PATHS[name]}: {complaint}; at most {TOLERANCE:g} is rounding"]
    return proof, []


def _repeat_score(folder: Path, classifier: Classifier, dataset: Dataset, *, measure_missing: bool) -> dict[str, Any]:
    """Measure the parts of metrics.json again.

    Raises:
        FormatError: If the data is other data.
    """
    config, metrics = (
        json.loads((folder / name).read_text(encoding="utf-8")) for name in ("config.json", "metrics.json")
    )
    wanted = config["data"]["sha256"]
    if dataset.sha256 != wanted:
        raise FormatError(
            f"the images of {dataset.source} are others. Expected SHA-256 {wanted}. Received: {dataset.sha256}"
        )
    differences: list[str] = []
    if list(dataset.labels) != classifier.labels:
        differences.append(f"labels.json says {classifier.labels}, but the data set {list(dataset.labels)}")
    penalty = sum(float(keras.ops.convert_to_numpy(loss)) for loss in classifier.model.losses)
    score: dict[str, Any] = {}
    for name in ("validation", "test"):
        recorded = metrics[name]
        if recorded is None:
            continue
        terms = recorded["data"]
        if terms["sha256"] != wanted or terms["part"] != name:
            differences.append(f"{name}: metrics.json says it was measured on other data: {terms}")
            continue
        is_first = measure_missing and "confusion_matrix" not in recorded
        if not is_first and not recorded.keys() >= FIGURES:
            lacking = ", ".join(sorted(FIGURES - recorded.keys()))
            differences.append(f"{name}: metrics.json does not say: {lacking}")
            continue
        split = split_dataset(dataset, seed=terms["seed"], limit=terms["limit"])
        images, truth = (split.x_test, split.y_test) if name == "test" else (split.x_validation, split.y_validation)
        score[name], complaints = compare_part(
            name,
            recorded,
            probabilities=classifier.probabilities(images),
            truth=truth,
            labels=classifier.labels,
            penalty=penalty,
            is_first=is_first,
        )
        differences += complaints
    return {"score": score, "source": dataset.source, "not_repeated": None, "differences": differences}


def _reference(data: dict[str, Any]) -> DataReference:
    paths = {key: None if data[key] is None else Path(data[key]) for key in ("data_dir", "cache_dir")}
    return DataReference(**(data | paths))


if __name__ == "__main__":
    main()
