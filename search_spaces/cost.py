"""What a network costs: its parameters and its forward multiply-accumulates, counted without Keras."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, TypeAlias

from search_spaces.backbones import BACKBONES
from search_spaces.configuration import ConfigurationError
from search_spaces.layers import (
    Backbone,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    Layer,
    MaxPooling,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

Shape: TypeAlias = tuple[int, ...]  # height, width, channels; or one number once it is flat


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a layer, or all layers of a network, cost for one image.

    Attributes:
        parameters: Number of weights, frozen ones and moving averages included. Defaults to 0.
        trainable_parameters: Number of weights that training changes. Defaults to 0.
        forward_macs: Multiply-accumulates of one forward pass, in convolutions and dense layers only; what
            the other layers do is a fraction of a percent of it. Defaults to 0.
    """

    parameters: int = 0
    trainable_parameters: int = 0
    forward_macs: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            parameters=self.parameters + other.parameters,
            trainable_parameters=self.trainable_parameters + other.trainable_parameters,
            forward_macs=self.forward_macs + other.forward_macs,
        )


def cost_of(layers: Sequence[Layer], image_shape: tuple[int, int, int]) -> tuple[Shape, Cost]:
    """Follow one image through the layers.

    Args:
        layers: The layers in order.
        image_shape: Height, width and channels of the image.

    Returns:
        The shape of what comes out, and the cost of all layers together.

    Raises:
        ConfigurationError: If a layer cannot take what the layer before it gives, or the image is too small.
    """
    shape: Shape = image_shape
    total = Cost()
    for index, layer in enumerate(layers):
        _check_input(layer, shape, first=index == 0)
        if isinstance(layer, MaxPooling) and min(shape[:2]) < 2:
            raise ConfigurationError(_too_small(layers, image_shape))
        shape, cost = _follow(layer, shape)
        total += cost
    return shape, total


def _follow(layer: Layer, shape: Shape) -> tuple[Shape, Cost]:
    match layer:
        case Convolution(filters=filters, kernel_size=size):
            height, width, channels = shape
            kernel = size * size * channels * filters
            weights = kernel + filters  # a bias for each filter
            macs = height * width * kernel  # stride 1 and same padding: the kernel stands on every pixel once
            return (height, width, filters), _trainable(weights, macs)
        case Dense(units=units):
            return (units,), _trainable(shape[0] * units + units, shape[0] * units)
        case BatchNormalization():
            # Scale and offset are trained; the moving mean and variance are only kept.
            return shape, Cost(parameters=4 * shape[-1], trainable_parameters=2 * shape[-1])
        case MaxPooling():
            return (shape[0] // 2, shape[1] // 2, shape[2]), Cost()
        case Flatten():
            return (prod(shape),), Cost()
        case GlobalAveragePooling():
            return shape[-1:], Cost()
        case Dropout():
            return shape, Cost()
        case Backbone(name=name):
            facts = BACKBONES[name]
            return facts.feature_shape, Cost(parameters=facts.parameters, forward_macs=facts.forward_macs)


def _trainable(weights: int, macs: int) -> Cost:
    return Cost(parameters=weights, trainable_parameters=weights, forward_macs=macs)


def _check_input(layer: Layer, shape: Shape, *, first: bool) -> None:
    kind = type(layer).__name__
    spatial = isinstance(layer, (Convolution, MaxPooling, GlobalAveragePooling, Backbone))
    if spatial and len(shape) != 3:
        raise ConfigurationError(f"{kind} needs height, width and channels, received the flat shape {shape}.")
    if isinstance(layer, Dense) and len(shape) != 1:
        raise ConfigurationError(
            f"Dense needs a flat input, received the shape {shape}. Put Flatten or GlobalAveragePooling before it."
        )
    if isinstance(layer, Backbone):
        if layer.name not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise ConfigurationError(f"No backbone named {layer.name!r}. Known backbones: {known}.")
        if not first or shape[-1] not in (1, 3):
            raise ConfigurationError(
                f"Backbone {layer.name!r} must be the first layer and needs images with 1 or 3 channels, "
                f"received the shape {shape}."
            )


def _too_small(layers: Sequence[Layer], image_shape: tuple[int, int, int]) -> str:
    poolings = sum(isinstance(layer, MaxPooling) for layer in layers)
    if isinstance(layers[0], Backbone):
        height, width, _ = BACKBONES[layers[0].name].feature_shape
        return (
            f"Backbone {layers[0].name!r} gives {height} by {width} features, "
            f"too few for {poolings} poolings. Leave poolings out."
        )
    smallest = 2**poolings  # each pooling halves, rounding down, and the last one must still see 2 by 2
    return (
        f"Images of {image_shape[0]} by {image_shape[1]} pixels are too small for {poolings} poolings. "
        f"Expected at least {smallest} by {smallest}. Enlarge them, or choose a network with fewer poolings."
    )
