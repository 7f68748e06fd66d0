"""A Keras network as files for others: .keras, SavedModel, ONNX, LiteRT. Needs TensorFlow."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

SMALLEST = 1e-30  # a probability whose logarithm is a number in float32


def write_keras(model: keras.Model, path: Path) -> None:
    """Write Keras's own format."""
    model.save(path)


def write_saved_model(model: keras.Model, labels: Sequence[str], path: Path) -> None:
    """Write a TensorFlow SavedModel whose only signature takes raw images and says what they are.

    Args:
        model: Maps (n, h, w, c) uint8 to (n, k) probabilities; its last layer is a dense softmax, or the mean of
            several answers, whose scores are the logarithms of the probabilities.
        labels: Names of the k classes.
        path: Folder to write.
    """
    last = model.layers[-1]
    before_last = keras.Model(model.inputs, last.input) if isinstance(last, keras.layers.Dense) else None
    names = tf.constant(list(labels))

    def serve(images: Any) -> dict[str, Any]:
        if before_last is None:
            probabilities = model(images, training=False)
            scores = tf.math.log(tf.maximum(probabilities, SMALLEST))
        else:
            scores = tf.matmul(before_last(images, training=False), last.kernel) + last.bias
            probabilities = tf.nn.softmax(scores)
        label = tf.gather(names, tf.argmax(probabilities, axis=1))
        return {"label": label, "probabilities": probabilities, "scores": scores}

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="images")]
    # Not Keras's ExportArchive: it stores every variable twice.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.serve = tf.function(serve, input_signature=signature)
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})


def write_onnx(model: keras.Model, path: Path) -> None:
    """Write ONNX: raw images to probabilities. Needs the packages of the extra `formats`."""
    model(np.zeros((1, *model.input_shape[1:]), np.uint8), training=False)  # Keras refuses one that was never called
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx asks NumPy for names that it is about to give up
        model.export(str(path), format="onnx", verbose=False)


def write_litert(model: keras.Model, path: Path) -> None:
    """Write a .tflite file: raw images to probabilities."""
    model.export(str(path), format="litert", verbose=False)


def write_proof(path: Path, model_path: Path, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> None:
    """Write images with what a model that was read again says of them.

    Args:
        path: The file to write.
        model_path: A .keras file.
        images: At most 256, shape (n, h, w, c).
        labels: Their true classes.
    """
    model = keras.saving.load_model(model_path, compile=False, safe_mode=True)
    probabilities = np.asarray(model.predict_on_batch(images), dtype=np.float32)
    np.savez_compressed(path, images=images, labels=labels, probabilities=probabilities)
