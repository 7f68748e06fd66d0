"""A small exported folder with every format, made without a study: `python -m tests.model_folder PATH`."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage.locks import file_lock

ROOT = Path(__file__).parent.parent
SEED, LIMIT = 43, 200


def model_folder(factory: pytest.TempPathFactory) -> Path:
    """The folder, made once for all of pytest's processes; to be copied, not changed."""
    base = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder = base / "exported-model"
    with file_lock(base / "exported-model.lock"):
        if not folder.exists():
            # A process of its own: the exporters warn, and TensorFlow chatters.
            command = [sys.executable, "-W", "ignore", "-m", "tests.model_folder", str(folder.with_name("draft"))]
            environment = os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
            ended = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False
            )
            assert ended.returncode == 0, ended.stderr
            folder.with_name("draft").rename(folder)
    return folder


def build(folder: Path) -> None:
    """Train a small network on the digits and write it in all formats, with its figures."""
    import keras

    from sweep.data.dataset import DataReference, load_dataset
    from sweep.data.split import split_dataset
    from sweep.model.manifest import write_manifest

    dataset = load_dataset(DataReference(name="digits", cache_dir=folder))
    split = split_dataset(dataset, seed=SEED, limit=LIMIT)
    keras.utils.set_random_seed(SEED)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(dataset.image_shape, dtype="uint8", name="images"),
            layers.Rescaling(1 / 255, dtype="float32"),
            layers.Conv2D(8, 3, strides=2, activation="relu", kernel_regularizer=keras.regularizers.L2(0.001)),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(dataset.classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(split.x_train, split.y_train, batch_size=16, epochs=8, verbose=0)
    model = keras.Model(model.inputs, model.outputs, name="classifier")
    folder.mkdir(parents=True)
    model.save(folder / "model.keras")
    _write_saved_model(model, dataset.labels, folder / "saved_model")
    model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
    model.export(str(folder / "model.tflite"), format="litert", verbose=False)
    _write_documents(folder, model, dataset, split)
    source = ROOT / "sweep" / "model" / "predict.py"
    shutil.copyfile(source, folder / "predict.py")
    (folder / "MODEL_CARD.md").write_text("# Digits\n\nA small network for tests.\n")
    names = ("keras", "tensorflow", "numpy", "pillow")
    (folder / "requirements.txt").write_text("".join(f"{name}=={metadata.version(name)}\n" for name in names))
    write_manifest(folder)


def _write_saved_model(model: Any, labels: tuple[str, ...], path: Path) -> None:
    import keras
    import tensorflow as tf

    archive = keras.export.ExportArchive()
    archive.track(model)
    last = model.layers[-1]
    features = keras.Model(model.inputs, [last.input])
    names = tf.constant(labels)

    def serve(images: Any) -> dict[str, Any]:
        scores = tf.matmul(features(images, training=False), last.kernel) + last.bias
        probabilities = tf.nn.softmax(scores)
        label = tf.gather(names, tf.argmax(probabilities, axis=1))
        return {"label": label, "probabilities": probabilities, "scores": scores}

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8, name="images")]
    archive.add_endpoint("serve", serve, input_signature=signature)
    archive.write_out(str(path), verbose=False)


def _write_documents(folder: Path, model: Any, dataset: Any, split: Any) -> None:
    shape = list(dataset.image_shape)
    documents: dict[str, Any] = {
        "config.json": {
            "schema_version": 1,
            "study": "digits",
            "trial": 0,
            "config": {"family": "isolated", "conv_layers": 1},
            "data": {
                "dataset": "digits",
                "sha256": dataset.sha256,
                "labels": list(dataset.labels),
                "image_shape": shape,
                "limit": LIMIT,
            },
            "model": {"part": "trial", "study": "digits", "trial": 0, "seed": SEED, "retrained": False},
            "preprocessing": {"image_shape": shape, "background": "dark", "fit": "pad"},
        },
        "labels.json": list(dataset.labels),
        "metrics.json": {
            "schema_version": 1,
            "validation": _part("validation", model, dataset, split.x_validation, split.y_validation),
            "test": _part("test", model, dataset, split.x_test, split.y_test),
            "confirmed": None,
        },
    }
    for name, document in documents.items():
        (folder / name).write_text(json.dumps(document, indent=2) + "\n")
    table = io.StringIO()
    rows = documents["metrics.json"]["test"]["confusion_matrix"]
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["", *dataset.labels])
    writer.writerows([label, *row] for label, row in zip(dataset.labels, rows, strict=True))
    (folder / "confusion_matrix.csv").write_text(table.getvalue())
    from PIL import Image

    Image.fromarray(np.asarray(rows, dtype=np.uint8)).save(folder / "confusion_matrix.png")
    images = split.x_test[:256]
    np.savez(
        folder / "proof.npz",
        images=images,
        labels=split.y_test[:256],
        probabilities=model.predict(images, verbose=0, batch_size=256),
    )


def _part(name: str, model: Any, dataset: Any, images: Any, truth: Any) -> dict[str, Any]:
    from dataclasses import asdict

    from sweep.metrics import class_scores, confusion_matrix, cross_entropy, scores

    probabilities = model.predict(images, verbose=0, batch_size=256)
    matrix = confusion_matrix(truth, probabilities.argmax(axis=1), dataset.classes)
    entropy = cross_entropy(probabilities, truth)
    per_class = []
    for label, of_class in zip(dataset.labels, class_scores(matrix), strict=True):
        figures = asdict(of_class)
        mistaken_for = figures["mistaken_for"]
        figures["mistaken_for"] = None if mistaken_for is None else dataset.labels[mistaken_for]
        per_class.append({"label": label} | figures)
    return {
        "data": {"dataset": "digits", "sha256": dataset.sha256, "part": name, "seed": SEED, "limit": LIMIT},
        "images": len(truth),
        **asdict(scores(matrix)),
        "cross_entropy": entropy,
        "loss": entropy + sum(float(loss) for loss in model.losses),
        "per_class": per_class,
        "confusion_matrix": matrix.tolist(),
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    build(Path(sys.argv[1]))
