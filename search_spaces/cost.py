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
    NormalizedConvolution,
    ResidualBlock,
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


_SPATIAL = (Convolution, NormalizedConvolution, ResidualBlock, MaxPooling, GlobalAveragePooling, Backbone)


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
        if _halves(layer) and min(shape[:2]) < 2:
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
            return shape, _normalization(shape[-1])
        case NormalizedConvolution(filters=filters, kernel_size=size):
            return _normalized(shape, filters, size)
        case ResidualBlock(filters=filters, strides=strides, kernel_size=size):
            within, cost = _normalized(shape, filters, size, strides)
            cost += _normalized(within, filters, size)[1]
            if layer.projects(shape[-1]):
                cost += _normalized(shape, filters, 1, strides)[1]
            return within, cost
        case Backbone(name=name):
            facts = BACKBONES[name]
            return facts.feature_shape, Cost(parameters=facts.parameters, forward_macs=facts.forward_macs)
        case MaxPooling() | Flatten() | GlobalAveragePooling() | Dropout():
            return _reshaped(layer, shape), Cost()


def _reshaped(layer: MaxPooling | Flatten | GlobalAveragePooling | Dropout, shape: Shape) -> Shape:
    match layer:
        case MaxPooling():
            return (shape[0] // 2, shape[1] // 2, shape[2])
        case Flatten():
            return (prod(shape),)
        case GlobalAveragePooling():
            return shape[-1:]
        case Dropout():
            return shape


def _normalized(shape: Shape, filters: int, size: int, strides: int = 1) -> tuple[Shape, Cost]:
    """A convolution without a bias, and the batch normalisation after it."""
    height, width = (-(-side // strides) for side in shape[:2])  # same padding: an odd last row counts
    kernel = size * size * shape[-1] * filters
    return (height, width, filters), _trainable(kernel, height * width * kernel) + _normalization(filters)


def _normalization(channels: int) -> Cost:
    # Scale and offset are trained; the moving mean and variance are only kept.
    return Cost(parameters=4 * channels, trainable_parameters=2 * channels)


def _trainable(weights: int, macs: int) -> Cost:
    return Cost(parameters=weights, trainable_parameters=weights, forward_macs=macs)


def _check_input(layer: Layer, shape: Shape, *, first: bool) -> None:
    kind = type(layer).__name__
    spatial = isinstance(layer, _SPATIAL)
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


def _halves(layer: Layer) -> bool:
    """Whether it halves height and width, and so must see at least 2 by 2."""
    return isinstance(layer, MaxPooling) or (isinstance(layer, ResidualBlock) and layer.strides > 1)


def _too_small(layers: Sequence[Layer], image_shape: tuple[int, int, int]) -> str:
    halving = [layer for layer in layers if _halves(layer)]
    poolings = sum(isinstance(layer, MaxPooling) for layer in halving)
    blocks = len(halving) - poolings
    counts = ((poolings, "pooling", ""), (blocks, "block", " with stride 2"))
    several = " and ".join(f"{n} {kind}{'s' * (n > 1)}{more}" for n, kind, more in counts if n)
    if isinstance(layers[0], Backbone):
        height, width, _ = BACKBONES[layers[0].name].feature_shape
        return f"Backbone {layers[0].name!r} gives {height} by {width} features, too few for {several}. Leave them out."
    smallest = 1
    for layer in reversed(halving):
        # A pooling rounds down, a block rounds up; each must see 2 by 2.
        smallest = max(2, 2 * smallest - (0 if isinstance(layer, MaxPooling) else 1))
    return (
        f"Images of {image_shape[0]} by {image_shape[1]} pixels are too small for {several}. "
        f"Expected at least {smallest} by {smallest}. Enlarge them, or choose a network that halves them less often."
    )
