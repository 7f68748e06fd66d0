"""Images per second of the trainer beside Keras's own `model.fit`, in turn in one run on one machine.

    python benchmarks/training.py [--quick]

The same networks, batch sizes and images for both; what is compared is named in each line. The first epoch, which
holds the compilation, is left out but where it is what is measured.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import figures
import keras
import networks  # before Keras: it quietens TensorFlow
import numpy as np
from figures import Row

from search_spaces.build import build_model
from search_spaces.plan import LayerPlan
from sweep.environment import processor_flags
from sweep.trainer.augmentation import flip_and_shift
from sweep.trainer.batches import ShuffledBatches, feed
from sweep.trainer.normalization import with_fused_normalization
from sweep.trainer.precision import dtype_policy
from sweep.trainer.step import compile_model

BATCH_SIZE = 64
NOISE = 0.97  # times as fast and above counts as no slower: two runs of one thing differ by as much

Fit = Callable[[int], Any]  # trains so many epochs


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the things compared.

    Attributes:
        fit: Trains so many epochs.
        images: In each.
        first_seconds: What building the network and its first epoch took.
    """

    fit: Fit
    images: int
    first_seconds: float


def begin(make: Callable[[], Fit], images: int) -> Side:
    began = time.perf_counter()
    fit = make()
    fit(1)
    return Side(fit=fit, images=images, first_seconds=time.perf_counter() - began)


def stock(plan: LayerPlan, policy: str, data: tuple[np.ndarray, np.ndarray], batch_size: int = BATCH_SIZE) -> Fit:
    """`model.fit` on NumPy arrays, everything else as Keras has it."""
    model = build(plan, policy)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda epochs: model.fit(*data, batch_size=batch_size, epochs=epochs, verbose=0)


def lean(
    plan: LayerPlan,
    policy: str,
    data: tuple[np.ndarray, np.ndarray],
    batch_size: int = BATCH_SIZE,
    augmentation: Any = None,
) -> Fit:
    """As the trainer does it."""
    model = with_fused_normalization(build(plan, policy))
    compile_model(model, plan, batch_size=batch_size, images=len(data[1]))
    batches = ShuffledBatches(*data, batch_size=batch_size, seed=43, augmentation=augmentation)
    return lambda epochs: model.fit(feed(batches), shuffle=False, epochs=epochs, verbose=0)


def by_sample(plan: LayerPlan, policy: str, data: tuple[np.ndarray, np.ndarray], batch_size: int = BATCH_SIZE) -> Fit:
    """The same augmentation through tf.data, image by image, as its guide has it."""
    import tensorflow as tf

    def view(image: Any, label: Any) -> tuple[Any, Any]:
        padded = tf.image.resize_with_crop_or_pad(image, 32, 32)
        return tf.image.random_flip_left_right(tf.image.random_crop(padded, (28, 28, 1))), label

    model = build(plan, policy)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    samples = tf.data.Dataset.from_tensor_slices(data).shuffle(len(data[1]))
    batches = samples.map(view, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)
    return lambda epochs: model.fit(batches, epochs=epochs, verbose=0)


def build(plan: LayerPlan, policy: str) -> keras.Model:
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(43)
    return build_model(plan)


def speeds(sides: Mapping[str, Side], *, rounds: int) -> dict[str, float]:
    """Images per second of each, in turn; of the rounds the best: what else a machine does only takes from it."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            began = time.perf_counter()
            side.fit(1)
            seconds[name].append(time.perf_counter() - began)
    return {name: side.images / min(seconds[name]) for name, side in sides.items()}


def compare(makes: Mapping[str, Callable[[], Fit]], images: int, *, rounds: int) -> dict[str, float]:
    found = speeds({name: begin(make, images) for name, make in makes.items()}, rounds=rounds)
    keras.utils.clear_session()
    return found


def precision_rows(*, quick: bool) -> list[Row]:
    """What `--precision auto` is worth against stock float32."""
    policy = dtype_policy("auto", networks.CACHE)
    has_amx = "amx_bf16" in processor_flags()
    found = []
    for family, wanted, images in (("grouped", 4.0, 256), ("isolated", 2.0, 768)):
        data = networks.noise(images // 2 if quick else images)
        plan = networks.reported(family)
        makes = {"stock": partial(stock, plan, "float32", data), "auto": partial(lean, plan, policy, data)}
        speed = compare(makes, len(data[1]), rounds=3 if quick else 5)
        ratio = speed["auto"] / speed["stock"]
        found.append(
            Row(
                lever=f"{family}, `--precision auto` ({policy}) against stock `model.fit` in float32",
                goal=f"≥ {wanted:.0f} x with AMX",
                figure=f"{ratio:.2f} x ({speed['auto']:.0f} against {speed['stock']:.0f} images/s"
                + (")" if has_amx else "; no AMX here)"),
                met=ratio >= wanted if has_amx or ratio >= wanted else None,
            )
        )
    return found


def loop_rows(*, quick: bool) -> list[Row]:
    """The trainer's loop against `model.fit` on NumPy arrays, the policy being the same."""
    found = []
    cases = (
        ("isolated", networks.reported("isolated"), 512),
        ("grouped", networks.reported("grouped"), 192),
        ("24 MMAC", networks.compact(), 2048),
        ("0.3 MMAC", networks.tiny(), 16_384),
    )
    for name, plan, images in cases:
        data = networks.noise(images // 2 if quick else images)
        makes = {"stock": partial(stock, plan, "float32", data), "lean": partial(lean, plan, "float32", data)}
        speed = compare(makes, len(data[1]), rounds=4 if quick else 7)
        ratio = speed["lean"] / speed["stock"]
        found.append(
            Row(
                lever=f"{name}, the trainer's loop against stock `model.fit` on arrays, both float32",
                goal="never slower",
                figure=f"{ratio:.2f} x ({speed['lean']:.0f} against {speed['stock']:.0f} images/s)",
                met=ratio >= NOISE,
            )
        )
    return found


def tracing_row(*, quick: bool) -> Row:
    """What it takes until a network's first step is done: one batch is trained."""
    plan, data = networks.compact(), networks.noise(BATCH_SIZE)
    seconds: dict[str, list[float]] = {"stock": [], "lean": []}
    for _ in range(3 if quick else 5):
        for name, make in (("stock", stock), ("lean", lean)):
            keras.utils.clear_session()
            seconds[name].append(begin(partial(make, plan, "float32", data), BATCH_SIZE).first_seconds)
    best = {name: median(taken[1:]) for name, taken in seconds.items()}  # the very first one warms TensorFlow up
    return Row(
        lever="building and tracing a network, against stock",
        goal="-",
        figure=f"{best['stock'] / best['lean']:.2f} x as fast ({best['lean']:.2f} against {best['stock']:.2f} s)",
        met=None,
    )


def augmentation_rows(*, quick: bool) -> list[Row]:
    """Flip and shift: by batch against none, and against tf.data by sample."""
    plan, data = networks.compact(), networks.noise(2048 if quick else 6144)
    policy = dtype_policy("auto", networks.CACHE)
    makes = {
        "none": partial(lean, plan, policy, data, 128),
        "batch": partial(lean, plan, policy, data, 128, flip_and_shift),
        "sample": partial(by_sample, plan, policy, data, 128),
    }
    speed = compare(makes, len(data[1]), rounds=3 if quick else 5)
    cost, ratio = 1 - speed["batch"] / speed["none"], speed["batch"] / speed["sample"]
    macs = plan.forward_macs / 1e6
    return [
        Row(
            lever=f"flip and shift by batch, {macs:.0f} MMAC ({policy}), against none",
            goal="costs ≤ 10 %",
            figure=f"{max(cost, 0):.0%} ({speed['batch']:.0f} against {speed['none']:.0f} images/s)",
            met=cost <= 0.10,
        ),
        Row(
            lever="the same against tf.data by sample",
            goal="≥ 1.5 x",
            figure=f"{ratio:.2f} x ({speed['batch']:.0f} against {speed['sample']:.0f} images/s)",
            met=ratio >= 1.5,
        ),
    ]


def rows(*, quick: bool) -> list[Row]:
    return [
        *precision_rows(quick=quick),
        *loop_rows(quick=quick),
        tracing_row(quick=quick),
        *augmentation_rows(quick=quick),
    ]


if __name__ == "__main__":
    figures.run(rows, __doc__)
