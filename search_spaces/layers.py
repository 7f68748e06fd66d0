"""The few kinds of layer that a plan is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

MOMENTUM = 0.9  # of moving averages: with Keras's 0.99 a short run is validated with what they began with


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """A square convolution with stride 1, `same` padding, a bias and ReLU.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, in pixels. Defaults to 3.
    """

    filters: int
    kernel_size: int = 3


@dataclass(frozen=True, kw_only=True)
class MaxPooling:
    """The maximum over windows of 2 by 2 pixels; an odd last row or column is dropped."""


@dataclass(frozen=True, kw_only=True)
class BatchNormalization:
    """Batch normalisation over the last axis.

    Args:
        momentum: Weight of the past in the moving averages. Defaults to 0.9: with Keras's 0.99 a short run
            is validated with averages that are still near their start, so it looks like chance.
    """

    momentum: float = MOMENTUM


@dataclass(frozen=True, kw_only=True)
class NormalizedConvolution:
    """A square convolution with stride 1, `same` padding and no bias, then batch normalisation, then ReLU.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, in pixels. Defaults to 3.
    """

    filters: int
    kernel_size: int = 3


@dataclass(frozen=True, kw_only=True)
class ResidualBlock:
    """Two normalised convolutions added to a shortcut, with ReLU between them and after the addition.

    The scale of the second normalisation begins with zeros, so that at first only the shortcut passes. Where the
    shape changes, the shortcut is a normalised convolution of 1 by 1; else it is the input itself. No convolution
    has a bias; padding is `same`.

    Args:
        filters: Number of output channels.
        strides: Of the first convolution and the shortcut; with 2, height and width are halved, rounding up.
            Defaults to 1.
        kernel_size: Height and width of both kernels, in pixels. Defaults to 3.
    """

    filters: int
    strides: Literal[1, 2] = 1
    kernel_size: int = 3

    def projects(self, channels: int) -> bool:
        """Whether the shortcut of an input with so many channels is a convolution."""
        return self.strides > 1 or channels != self.filters


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """Sets values to zero while training.

    Args:
        rate: Share of values set to zero, from 0 to below 1.
    """

    rate: float


@dataclass(frozen=True, kw_only=True)
class Flatten:
    """All values in one row: first along channels, then width, then height."""


@dataclass(frozen=True, kw_only=True)
class GlobalAveragePooling:
    """The mean of each channel over all pixels."""


@dataclass(frozen=True, kw_only=True)
class Dense:
    """A fully connected layer with a bias.

    Args:
        units: Number of outputs.
        l2: Factor of the L2 penalty on the kernel, not on the bias; None for no penalty. Defaults to None.
        activation: `relu`, or `softmax` for the last layer. Defaults to `relu`.
    """

    units: int
    l2: float | None = None
    activation: Literal["relu", "softmax"] = "relu"


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A frozen pretrained network without its classifier, fed with resized images in its own scaling.

    Args:
        name: A key of `search_spaces.BACKBONES`.
    """

    name: str


Layer: TypeAlias = (
    Convolution
    | MaxPooling
    | BatchNormalization
    | NormalizedConvolution
    | ResidualBlock
    | Dropout
    | Flatten
    | GlobalAveragePooling
    | Dense
    | Backbone
)
