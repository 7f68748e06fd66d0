"""Building the Keras model of a plan. The only module of this package that imports Keras."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import keras

from search_spaces.backbones import BACKBONES, Preprocessing
from search_spaces.layers import (
    Backbone,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    MaxPooling,
)

if TYPE_CHECKING:
    from pathlib import Path

    from search_spaces.layers import Layer
    from search_spaces.plan import LayerPlan

# Blue, green, red: ImageNet's mean pixel, which Keras's "caffe" mode subtracts (imagenet_utils.py).
IMAGENET_MEAN_BGR = (103.939, 116.779, 123.68)


def build_model(plan: LayerPlan, *, backbone_weights: Path | None = None, name: str | None = None) -> keras.Model:
    """Build a plan as a Keras model, not compiled.

    It is made of Keras's own layers and operations only, so `.keras` files load in safe mode. Scaling and the
    probabilities are float32 under every dtype policy. Dropout and initial weights follow
    `keras.utils.set_random_seed`, which is the caller's to call.

    Args:
        plan: The layers.
        backbone_weights: File with the backbone's weights, without its classifier. Defaults to None:
            random weights.
        name: The model's name. Defaults to one that Keras makes up.

    Input shape:
        `(batch, height, width, channels)`, uint8, as in `plan.image_shape`.

    Output shape:
        `(batch, plan.classes)`, float32, probabilities.

    Raises:
        FileNotFoundError: If there is no file at `backbone_weights`.
        ValueError: If `backbone_weights` is given for a plan without a backbone.
    """
    if backbone_weights is not None and plan.backbone is None:
        raise ValueError(f"This plan has no backbone to load weights into. Received: {backbone_weights=!s}")
    images = keras.Input(shape=plan.image_shape, dtype="uint8", name="images")
    if plan.backbone is None:
        # Scaled in float32 whatever the policy; the layers that follow cast to what they compute in.
        outputs = keras.layers.Rescaling(1 / 255, dtype="float32", name="scaling")(images)
    else:
        outputs = _scale_for(plan.backbone, images)
    count: Counter[type] = Counter()
    for layer in plan.layers:
        count[type(layer)] += 1
        if isinstance(layer, Backbone):
            # Not its training mode: batch statistics of small batches would change what the features mean.
            outputs = _backbone(layer.name, backbone_weights)(outputs, training=False)
        else:
            outputs = _keras_layer(layer, number=count[type(layer)])(outputs)
    return keras.Model(images, outputs, name=name)


def _keras_layer(layer: Layer, *, number: int) -> keras.layers.Layer:
    layers = keras.layers
    match layer:
        case Convolution(filters=filters, kernel_size=size):
            return layers.Conv2D(filters, size, padding="same", activation="relu", name=f"convolution_{number}")
        case MaxPooling():
            return layers.MaxPooling2D(2, name=f"pooling_{number}")
        case BatchNormalization(momentum=momentum):
            return layers.BatchNormalization(momentum=momentum, name=f"normalization_{number}")
        case Dropout(rate=rate):
            return layers.Dropout(rate, name=f"dropout_{number}")
        case Flatten():
            return layers.Flatten(name=f"flatten_{number}")
        case GlobalAveragePooling():
            return layers.GlobalAveragePooling2D(name=f"average_{number}")
        case Dense(units=units, activation="softmax"):
            return layers.Dense(units, activation="softmax", dtype="float32", name="probabilities")
        case Dense(units=units, l2=l2):
            penalty = None if l2 is None else keras.regularizers.L2(l2)
            return layers.Dense(units, activation="relu", kernel_regularizer=penalty, name=f"dense_{number}")
        case _:
            raise TypeError(f"No Keras layer is known for {layer!r}")


def _scale_for(backbone: str, images: Any) -> Any:
    """Resize to the backbone's size, repeat one channel to three, and scale as its own preprocessing does."""
    layers = keras.layers
    facts = BACKBONES[backbone]
    pixels = layers.Rescaling(1.0, dtype="float32", name="pixels")(images)  # uint8 would round what is resized
    pixels = layers.Resizing(facts.input_size, facts.input_size, dtype="float32", name="resizing")(pixels)
    if images.shape[-1] == 1:
        pixels = layers.Concatenate(dtype="float32", name="three_channels")([pixels, pixels, pixels])
    if facts.preprocessing is Preprocessing.TF:
        return layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="scaling")(pixels)
    swapped = keras.ops.flip(pixels, axis=-1)
    means = [-mean for mean in IMAGENET_MEAN_BGR]
    return layers.Rescaling(1.0, offset=means, dtype="float32", name="scaling")(swapped)


def _backbone(name: str, weights: Path | None) -> keras.Model:
    facts = BACKBONES[name]
    if weights is not None and not weights.is_file():
        raise FileNotFoundError(
            f"No weights of backbone {name!r} at {weights}. Expected {facts.weights_file}, "
            f"which Keras gets from {facts.weights_url}."
        )
    make = getattr(keras.applications, facts.application)
    model = make(
        include_top=False,
        weights=None if weights is None else str(weights),
        input_shape=(facts.input_size, facts.input_size, 3),
        name=name,
    )
    model.trainable = False
    return model
