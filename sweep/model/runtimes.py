"""Running images through the formats of an exported folder beside Keras's, each by its own library."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sweep.model.predict import Pixels, Probabilities
from sweep.model.scanning import scan_saved_model

PATHS: Final = {"keras": "model.keras", "saved_model": "saved_model", "onnx": "model.onnx", "litert": "model.tflite"}
SIGNATURE: Final = "serving_default"
TOLERANCE: Final = 1e-4  # of a probability: what rounding in another order may make of it
_BATCH_SIZE: Final = 64  # images; the interpreters keep every layer's outputs


class MissingRuntimeError(Exception):
    """The library of a format is not installed here; the message says how to get it."""


class FormatError(Exception):
    """A format cannot be used, or contradicts itself; the message says how."""


def formats_of(folder: Path) -> list[str]:
    """The formats that a folder has."""
    return [name for name, path in PATHS.items() if (folder / path).exists()]


def run_format(name: str, folder: Path, images: Pixels) -> Probabilities:
    """Run images through one format.

    Args:
        name: One of `PATHS` but "keras", which is `Classifier`'s.
        folder: The exported folder.
        images: uint8, shape (n, height, width, channels).

    Returns:
        Probabilities, float32, shape (n, classes).

    Raises:
        MissingRuntimeError: If its library is not installed.
        FormatError: If the model is refused, does not take these images, or its outputs contradict each other.
    """
    run: dict[str, Callable[[Path, Pixels], Probabilities]] = {
        "saved_model": _saved_model,
        "onnx": _onnx,
        "litert": _litert,
    }
    try:
        return run[name](folder, images)
    except (MissingRuntimeError, FormatError):
        raise
    except Exception as error:  # every library has errors of its own
        raise FormatError(f"{PATHS[name]} does not run: {type(error).__name__}: {error}") from error


def _saved_model(folder: Path, images: Pixels) -> Probabilities:
    import tensorflow as tf

    complaints = scan_saved_model(folder / PATHS["saved_model"])
    if complaints:
        raise FormatError(f"saved_model is refused unloaded, for it holds {', '.join(complaints)}")
    loaded = tf.saved_model.load(str(folder / PATHS["saved_model"]))
    if SIGNATURE not in loaded.signatures:
        raise FormatError(f"saved_model has no signature {SIGNATURE}")
    signature = loaded.signatures[SIGNATURE]
    answers = [signature(images=tf.constant(batch)) for batch in _batches(images)]
    missing = {"label", "probabilities", "scores"} - set(answers[0])
    if missing:
        raise FormatError(f"saved_model does not return {', '.join(sorted(missing))}")
    found, scores, labels = (
        np.concatenate([answer[output].numpy() for answer in answers])
        for output in ("probabilities", "scores", "label")
    )
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    best = found.max(axis=1)
    wrong = [
        label.decode(errors="replace")
        for label, row, most in zip(labels.tolist(), found, best, strict=True)
        if label.decode(errors="replace") not in names or row[names.index(label.decode())] < most - TOLERANCE
    ]
    if wrong:
        raise FormatError(f"saved_model names a label that is not the likeliest, such as {wrong[0]!r}")
    if not np.allclose(_softmax(scores), found, rtol=0, atol=TOLERANCE):
        raise FormatError("saved_model returns scores that do not fit its probabilities")
    return np.asarray(found, dtype=np.float32)


def _onnx(folder: Path, images: Pixels) -> Probabilities:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingRuntimeError("onnxruntime is not installed: pip install onnxruntime") from error
    # Processors only: its default would be tried on whatever accelerator there is.
    session = onnxruntime.InferenceSession(str(folder / PATHS["onnx"]), providers=["CPUExecutionProvider"])
    (given,), (returned,) = session.get_inputs(), session.get_outputs()
    found = [session.run([returned.name], {given.name: batch})[0] for batch in _batches(images)]
    return np.concatenate(found).astype(np.float32)


def _litert(folder: Path, images: Pixels) -> Probabilities:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise MissingRuntimeError("ai-edge-litert is not installed: pip install ai-edge-litert") from error
    interpreter = Interpreter(str(folder / PATHS["litert"]))
    (given,), (returned,) = interpreter.get_input_details(), interpreter.get_output_details()
    found: list[Any] = []
    for batch in _batches(images):
        interpreter.resize_tensor_input(given["index"], batch.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], batch)
        interpreter.invoke()
        found.append(interpreter.get_tensor(returned["index"]))
    return np.concatenate(found).astype(np.float32)


def _batches(images: Pixels) -> Iterator[Pixels]:
    for start in range(0, len(images), _BATCH_SIZE):
        yield images[start : start + _BATCH_SIZE]


def _softmax(scores: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    shifted = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))
