"""Time a trial on a frozen backbone's features beside stock Keras training through that backbone, in one run.

    python benchmarks/backbones.py [--quick] [--images 2000] [--epochs 5]

VGG16 with random weights under the head of `pretrained`, on Fashion-MNIST, in float32, the same first weights, batch
size, epochs and order of images on both sides. Stock is `build_model`, `compile` and `model.fit` with validation
images. The service's trainer runs the trial twice in one process: the first computes the features, the second is
what every later trial costs, from its job to its result, the final measurement included.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from figures import Row, table
from networks import CACHE, make_job  # before Keras: it quietens TensorFlow

from search_spaces import LayerPlan, find_space
from sweep.data.dataset import DataReference, load_dataset
from sweep.data.split import split_dataset
from sweep.messages import Result

GOAL = 20  # times as fast
WITHIN = 0.5  # percentage points: ten of 2,000 images, which rounding decides
IMAGES, QUICK_IMAGES = 2000, 600  # for training, and as many for validation
EPOCHS = 5
BATCH_SIZE = 128
SEED = 43
DATA = DataReference(cache_dir=CACHE)
CONFIG = {"backbone": "vgg16", "l2": None, "batch_norm": True, "dropout": 0.2}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What training took.

    Attributes:
        seconds: From the first to the last call.
        accuracy: Best validation accuracy of an epoch, 0 to 1.
    """

    seconds: float
    accuracy: float


def rows(*, quick: bool) -> list[Row]:
    """Measure, and compare with the goal."""
    return compare(QUICK_IMAGES if quick else IMAGES, EPOCHS)


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"on {QUICK_IMAGES} images")
    parser.add_argument("--images", type=int, help=f"for training, and as many for validation; default {IMAGES}")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    arguments = parser.parse_args()
    images = arguments.images or (QUICK_IMAGES if arguments.quick else IMAGES)
    found = compare(images, arguments.epochs)
    print(table(found))
    if not all(row.met for row in found):
        sys.exit(1)


def compare(images: int, epochs: int) -> list[Row]:
    """Train both ways.

    Args:
        images: For training, and as many for validation.
        epochs: All of them are trained.
    """
    with tempfile.TemporaryDirectory(prefix="sweep-backbones-") as folder:
        first, second = train_on_features(images, epochs, Path(folder))
    stock = train_through_backbone(images, epochs)
    ratio = stock.seconds / second.seconds
    of_images = f"VGG16, {images:,} training and validation images each, {epochs} epochs"
    difference = 100 * (second.accuracy - stock.accuracy)
    seconds = f"{stock.seconds:.1f} s against {second.seconds:.1f} s (the first trial: {first.seconds:.1f} s)"
    return [
        Row(
            lever=f"Trial on kept features against stock `fit` through the frozen backbone: {of_images}",
            goal=f"at least {GOAL} times as fast",
            figure=f"{ratio:.0f} times: {seconds}",
            met=ratio >= GOAL,
        ),
        Row(
            lever="Validation accuracy of the same two",
            goal=f"the same, within {WITHIN} points",
            figure=f"{second.accuracy:.1%} against {stock.accuracy:.1%} ({difference:+.1f} points)",
            met=abs(difference) <= WITHIN,
        ),
    ]


def train_on_features(images: int, epochs: int, folder: Path) -> tuple[Measured, Measured]:
    """The same trial twice, by the service's trainer."""
    from sweep.trainer.training import Trainer  # imports Keras: --help need not wait for it

    answers: list[object] = []
    trainer = Trainer(send=answers.append, is_stopped=lambda trial: False)

    def run(number: int) -> Measured:
        changes = {"trial": number, "seed": SEED, "batch_size": BATCH_SIZE, "precision": "float32"}
        features = folder / "cache" / "features"
        job = make_job(folder, plan(), limit=images, epochs=epochs, features=features, **changes)
        began = time.perf_counter()
        trainer.run(job)
        seconds = time.perf_counter() - began
        result = answers[-1]
        if not isinstance(result, Result):
            raise TypeError(f"Expected a result. Received: {result}")
        return Measured(seconds=seconds, accuracy=max(end.val_accuracy for end in result.history))

    return run(0), run(1)


def train_through_backbone(images: int, epochs: int) -> Measured:
    """Keras's `fit` of the whole network, of which the backbone is not trainable, on the images in the same order."""
    import keras

    from search_spaces.build import build_model
    from sweep.trainer.batches import ShuffledBatches

    split = split_dataset(load_dataset(DATA), seed=SEED, limit=images)
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(SEED)
    began = time.perf_counter()
    model = build_model(plan())
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    batches = ShuffledBatches(split.x_train, split.y_train, batch_size=BATCH_SIZE, seed=SEED)
    in_order = keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.start_epoch(epoch))
    history = model.fit(
        batches,
        shuffle=False,
        epochs=epochs,
        callbacks=[in_order],
        validation_data=(split.x_validation, split.y_validation),
        verbose=0,
    ).history
    return Measured(seconds=time.perf_counter() - began, accuracy=max(history["val_accuracy"]))


def plan() -> LayerPlan:
    """A head of `pretrained` on VGG16."""
    return find_space("pretrained").from_dict(CONFIG).plan((28, 28, 1), 10)


if __name__ == "__main__":
    main()
