"""Recorded learning curves, and which of them answers for a configuration."""

from __future__ import annotations

import csv
import json
import math
import sys
import zlib
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution

from search_spaces import SearchSpace

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from search_spaces import Configuration

BENCHMARKS = Path(__file__).resolve().parent.parent
MISMATCH = 10.0  # what one other category costs: more than all numbers together, which are at most 1 apart each
STEP_FLOPS = 3 * 2  # of a training image for each multiply-accumulate forward: forward, and two gradients
FORWARD_FLOPS = 2  # of a validation image
NOT_PARAMETERS = frozenset(
    ("trial", "epoch", "reported", "seconds", "parameters", "forward_macs", "val_accuracy", "images_per_second")
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What training took.

    Attributes:
        epochs: Training epochs.
        flops: Floating-point operations of training and validation.
        seconds: Of one worker.
    """

    epochs: float = 0.0
    flops: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            epochs=self.epochs + other.epochs, flops=self.flops + other.flops, seconds=self.seconds + other.seconds
        )


AXES = ("epochs", "flops", "seconds")


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One recorded configuration.

    Attributes:
        trial: Its number in the recording.
        reported: Validation accuracy after each epoch, as the pruner sees it.
        value: Validation accuracy of the best epoch in float32: a complete trial's value.
        costs: Of each epoch.
    """

    trial: int
    configuration: Configuration
    reported: tuple[float, ...]
    value: float
    costs: tuple[Cost, ...]

    @property
    def epochs(self) -> int:
        """Epochs of a full trial."""
        return len(self.reported)


class Curves:
    """All recorded curves of a search space.

    Args:
        space: The search space.
        curves: At least one; all with as many epochs.
        overhead_seconds: What a trial takes besides its epochs.
        steps: Training steps in an epoch. Default: 1000.
        fresh_noise: Whether a configuration that was not recorded is answered with ups and downs of its own, see
            `answer`. Default: False.
    """

    def __init__(
        self,
        space: SearchSpace,
        curves: list[Curve],
        *,
        overhead_seconds: float,
        steps: int = 1000,
        fresh_noise: bool = False,
    ) -> None:
        self.space = space
        self.curves = curves
        self.overhead = Cost(seconds=overhead_seconds)
        self.steps = steps
        self.fresh_noise = fresh_noise
        self._points = np.array([self._point(curve.configuration) for curve in curves])
        self._nearest: dict[Configuration, Curve] = {}
        self._courses = {curve.trial: smooth(curve.reported) for curve in curves}
        self._noise = {
            normalised: np.concatenate(
                [
                    noise(curve.reported)
                    for curve in curves
                    if getattr(curve.configuration, "batch_norm", None) is normalised
                ]
                or [np.zeros(1)]
            )
            for normalised in (True, False, None)
        }

    @property
    def epochs(self) -> int:
        """Epochs of a full trial."""
        return self.curves[0].epochs

    def answer(self, configuration: Configuration, *, seed: int) -> Curve:
        """What training a configuration comes to: the nearest recorded curve.

        With fresh noise it is that curve's smooth course with ups and downs drawn from all recorded curves with, or
        without, batch normalisation; its value moves with its highest report. A search that looks around a good
        configuration then meets luck and bad luck as it does in training, where the same answer never comes twice.

        Args:
            configuration: As it was proposed.
            seed: With the configuration it decides the noise.
        """
        curve = self.nearest(configuration)
        if not self.fresh_noise:
            return curve
        entropy = np.random.default_rng([seed, zlib.crc32(repr(configuration).encode())])
        ups_and_downs = self._noise[getattr(configuration, "batch_norm", None)]
        reported = self._courses[curve.trial] + entropy.choice(ups_and_downs, curve.epochs)
        return replace(
            curve,
            reported=tuple(reported.tolist()),
            value=float(curve.value + reported.max() - max(curve.reported)),
        )

    def nearest(self, configuration: Configuration) -> Curve:
        """The recorded configuration with the fewest other categories, then the nearest numbers.

        Another number of convolutions or other width counts by its steps in the list of choices; on or off, once.
        Numbers are compared on their own scale, logarithmic for L2, where 1 is the whole range; one that is off
        has the middle of its range there. Of equally near ones the first recorded answers.
        """
        if configuration not in self._nearest:
            distances = np.abs(self._points - self._point(configuration)).sum(axis=1)
            self._nearest[configuration] = self.curves[int(distances.argmin())]
        return self._nearest[configuration]

    def _point(self, configuration: Configuration) -> npt.NDArray[np.float64]:
        """A configuration as numbers whose differences are the distance; what is off has the middle of its range."""
        params = self.space.to_params(configuration)
        return np.array([_coordinate(self.space.distributions[name], value) for name, value in params.items()])


def _coordinate(distribution: object, value: Any) -> float:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return MISMATCH * choices.index(value)
        case FloatDistribution(low=low, high=high, log=True):
            return float(np.log(value / low) / np.log(high / low))
        case FloatDistribution(low=low, high=high):
            return float((value - low) / (high - low))
    raise TypeError(f"Expected a categorical or float distribution. Received: {distribution}")


def smooth(reported: Sequence[float]) -> npt.NDArray[np.float64]:
    """A curve without its ups and downs: at each epoch the mean of three; at the ends the line through three."""
    values = np.asarray(reported)
    if len(values) < 3:
        return values
    middle = (values[:-2] + values[1:-1] + values[2:]) / 3
    first = middle[0] - (values[2] - values[0]) / 2
    last = middle[-1] + (values[-1] - values[-3]) / 2
    return np.concatenate([[first], middle, [last]])


def noise(reported: Sequence[float]) -> npt.NDArray[np.float64]:
    """The ups and downs of a curve's second half, where it is nearly straight, in their full size.

    The mean of three holds a third of the middle one's own noise, so what is left of it is too small by √(2/3).
    """
    half = max(1, len(reported) // 2)
    values = np.asarray(reported)
    left = (values - smooth(reported))[half:-1]
    return left * math.sqrt(3 / 2)


@cache
def narrow() -> SearchSpace:
    """The search space `narrow`, installed or not."""
    sys.path.append(str(BENCHMARKS / "narrow"))
    try:
        family = import_module("narrow").Narrow
    finally:
        sys.path.pop()
    return SearchSpace(name="narrow", families=(family,))


def read_curves(path: Path, *, fresh_noise: bool = False) -> Curves:
    """Read what `benchmarks/record.py` wrote: a CSV file, and the JSON file beside it."""
    about = json.loads(path.with_suffix(".json").read_text())
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    curves = [
        _curve(list(of_trial), about["training_images"], about["validation_images"])
        for _, of_trial in groupby(rows, key=lambda row: row["trial"])
    ]
    steps = -(-about["training_images"] // about["batch_size"])
    overhead = about["overhead_seconds"]
    return Curves(narrow(), curves, overhead_seconds=overhead, steps=steps, fresh_noise=fresh_noise)


def _curve(rows: list[dict[str, str]], training_images: int, validation_images: int) -> Curve:
    first = rows[0]
    images = STEP_FLOPS * training_images + FORWARD_FLOPS * validation_images
    flops = float(first["forward_macs"]) * images
    return Curve(
        trial=int(first["trial"]),
        configuration=narrow().parse(f"{name}={text}" for name, text in first.items() if name not in NOT_PARAMETERS),
        reported=tuple(float(row["reported"]) for row in rows),
        value=float(first["val_accuracy"]),
        costs=tuple(Cost(epochs=1.0, flops=flops, seconds=float(row["seconds"])) for row in rows),
    )
