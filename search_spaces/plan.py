"""The plan of one network: what the Keras builder builds and what its cost is counted from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from search_spaces.configuration import ConfigurationError
from search_spaces.cost import Cost, Shape, cost_of
from search_spaces.layers import Backbone, Dense, Flatten, GlobalAveragePooling, Layer, MaxPooling

# They have neither weights nor randomness: behind a frozen backbone they give the same for an image every time.
_FIXED = (Flatten, GlobalAveragePooling, MaxPooling)


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """The layers between an image and the probabilities of its classes.

    How pixels are scaled is not part of it: the builder does that, to 0…1, or as the backbone wants it.

    Args:
        image_shape: Height, width and channels of one image.
        classes: Number of classes, at least 2.
        layers: The layers in order. A `Backbone` can only be the first; the last is a softmax over the
            classes.
        views: How many views of an image the finished model answers from: 1 (default), or 2, the image and its mirror
            image. Training and validation see one.

    Raises:
        ConfigurationError: If the layers do not fit together or the images are too small for them.
    """

    image_shape: tuple[int, int, int]
    classes: int
    layers: tuple[Layer, ...]
    views: int = 1

    def __post_init__(self) -> None:
        if len(self.image_shape) != 3 or min(self.image_shape) < 1 or self.classes < 2:
            raise ConfigurationError(
                "A plan needs images with height, width and channels, and at least 2 classes. "
                f"Received: image_shape={self.image_shape}, classes={self.classes}."
            )
        last = self.layers[-1] if self.layers else None
        if not isinstance(last, Dense) or last.activation != "softmax" or last.units != self.classes:
            raise ConfigurationError(
                f"A plan ends with Dense(units={self.classes}, activation='softmax'). Received: {last!r}."
            )
        _ = self.cost  # follows an image through all layers, so that a plan that exists can be built

    @cached_property
    def cost(self) -> Cost:
        """The cost of all layers for one view of an image."""
        return cost_of(self.layers, self.image_shape)[1]

    @property
    def parameters(self) -> int:
        """Number of weights, frozen ones included."""
        return self.cost.parameters

    @property
    def trainable_parameters(self) -> int:
        """Number of weights that training changes."""
        return self.cost.trainable_parameters

    @property
    def forward_macs(self) -> int:
        """Multiply-accumulates that the finished model's answer to one image takes."""
        return self.views * self.cost.forward_macs

    @cached_property
    def frozen(self) -> tuple[Layer, ...]:
        """The backbone and what follows it up to the first layer with weights or randomness; empty without one.

        What comes out of them for an image is the same in every epoch and every trial.
        """
        if self.backbone is None:
            return ()
        behind = next((index for index, layer in enumerate(self.layers[1:], 1) if not isinstance(layer, _FIXED)))
        return self.layers[:behind]

    @property
    def head(self) -> tuple[Layer, ...]:
        """The layers behind the frozen ones: all of them without a backbone."""
        return self.layers[len(self.frozen) :]

    @property
    def feature_shape(self) -> Shape:
        """Shape of what the frozen layers make of one image; the image's own without a backbone."""
        return cost_of(self.frozen, self.image_shape)[0]

    @cached_property
    def frozen_macs(self) -> int:
        """Multiply-accumulates of one image's pass through the frozen layers; 0 without a backbone."""
        return cost_of(self.frozen, self.image_shape)[1].forward_macs

    @property
    def head_macs(self) -> int:
        """Multiply-accumulates of one view's forward pass through what is trained."""
        return self.cost.forward_macs - self.frozen_macs

    @property
    def backbone(self) -> str | None:
        """Name of the backbone, or None if all layers are trained."""
        first = self.layers[0]
        return first.name if isinstance(first, Backbone) else None
