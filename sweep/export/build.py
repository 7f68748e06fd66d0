"""The builder: rebuild a network from its weights, measure it, write its formats; in a process of its own.

Started as `python -m sweep.export.build`: a specification comes as one line of JSON on standard input, which stays open
as long as the exporting process lives; answers go as lines of JSON to standard output.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from search_spaces import find_space
from search_spaces.build import build_model
from sweep.data.dataset import DataReference
from sweep.data.split import split_dataset
from sweep.errors import UsageError, WorldError
from sweep.export.data import load_same
from sweep.export.formats import write_keras, write_litert, write_onnx, write_proof, write_saved_model
from sweep.export.measures import Measured, refuse_other_figures
from sweep.export.preprocessing import preprocessing_document
from sweep.export.specification import Specification
from sweep.metrics import confusion_matrix, cross_entropy
from sweep.trainer.batches import Batches, feed
from sweep.trainer.evaluation import BATCH_SIZE
from sweep.trainer.mirroring import with_views
from sweep.trainer.weights import read_weights

PROOF_IMAGES: Final = 256
# Where a trial was measured on a GPU, TensorFlow's TF32 kept ten bits of each factor.
NEAR_TIE, TOLERANCE = 0.01, 0.005

Say = Callable[[str], None]


def build(wanted: Specification, say: Say) -> dict[str, Any]:
    """Write the network's files into the folder. What nobody measured yet is left to the proof.

    Args:
        wanted: What to build, from what, and where.
        say: Told of each step that is done.

    Returns:
        `parts`: the known figures by part of the data; `preprocessing`: as config.json holds it; `source`: of the
        images.

    Raises:
        WorldError: If data or weights do not fit, or the network is not the one that was measured.
    """
    tf.config.experimental.enable_tensor_float_32_execution(False)
    reference = DataReference(
        name=wanted.dataset,
        data_dir=wanted.data_dir,
        cache_dir=wanted.cache_dir,
        image_size=wanted.image_size,
        color=wanted.color,
    )
    dataset = load_same(reference, sha256=wanted.dataset_sha256, labels=wanted.labels)
    split = split_dataset(dataset, seed=wanted.seed, limit=wanted.limit)
    say(f"{dataset.name} found: {dataset.source}")
    model = rebuild(wanted)
    say("network rebuilt in float32 from its weights")
    folder, formats = wanted.folder, wanted.formats
    held_out = {"validation": (split.x_validation, split.y_validation), "test": (split.x_test, split.y_test)}
    parts = {part: _compare(wanted, model, *held_out[part], part, say) for part in wanted.known}
    write_keras(model, folder / "model.keras")
    write_saved_model(model, wanted.labels, folder / "saved_model")
    say("model.keras and saved_model/ written")
    if "onnx" in formats:
        write_onnx(model, folder / "model.onnx")
        say("model.onnx written")
    if "litert" in formats:
        write_litert(model, folder / "model.tflite")
        say("model.tflite written")
    images, labels = dataset.x_test[:PROOF_IMAGES], dataset.y_test[:PROOF_IMAGES]
    write_proof(folder / "proof.npz", folder / "model.keras", images, labels)
    return {
        "parts": {name: asdict(part) for name, part in parts.items()},
        "preprocessing": preprocessing_document(split.x_train, dataset.name),
        "source": dataset.source,
    }


def rebuild(wanted: Specification) -> keras.Model:
    """The network in float32, whatever it was trained in, with its weights.

    Raises:
        WeightsError: If the weights do not fit.
    """
    space = find_space(wanted.family, without=wanted.without, recipe=wanted.recipe, mirrored=wanted.mirrored)
    configuration = space.from_dict(wanted.config)
    plan = configuration.plan(wanted.image_shape, len(wanted.labels))
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(wanted.seed)  # a backbone without weights gets those again that it was trained with
    model = build_model(plan, backbone_weights=wanted.backbone_weights, name="classifier")
    read_weights(model, wanted.weights)
    return with_views(model, plan)


def _compare(
    wanted: Specification,
    model: keras.Model,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    part: str,
    say: Say,
) -> Measured:
    """A part's figures: the trial's own where they are exact, for the proof repeats them; else measured here."""
    known = wanted.known[part]
    if wanted.known_exactly:
        return known
    probabilities = model.predict(feed(Batches(images, batch_size=BATCH_SIZE)), verbose=0)
    matrix = confusion_matrix(labels, probabilities.argmax(axis=1), probabilities.shape[1])
    entropy = cross_entropy(probabilities, labels)
    penalty = sum(float(keras.ops.convert_to_numpy(loss)) for loss in model.losses)
    found = Measured(confusion_matrix=matrix.tolist(), cross_entropy=entropy, loss=entropy + penalty)
    say(f"{len(labels):,} {part} images measured")
    best_two = np.sort(probabilities, axis=1)[:, -2:]
    near_ties = int((best_two[:, 1] - best_two[:, 0] < NEAR_TIE).sum())
    refuse_other_figures(known, found, part=part, near_ties=near_ties, tolerance=TOLERANCE)
    return found


def main() -> int:
    """Serve one specification; returns the exit code."""
    # What TensorFlow and the converters print goes where errors go: standard output is for answers alone.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def answer(document: dict[str, Any]) -> None:
        answers.write(json.dumps(document) + "\n")
        answers.flush()

    wanted = Specification.from_json(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True, name="parent").start()
    try:
        facts = build(wanted, lambda step: answer({"step": step}))
    except (WorldError, UsageError) as error:
        answer({"error": str(error)})
        return 1
    answer({"facts": facts})
    return 0


def _end_with_parent() -> None:
    # Not sys.stdin.read(): the interpreter could not lock that stream when it ends.
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
