"""Building the Keras model of a plan. The only module of this package that imports Keras."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import keras

from search_spaces.backbones import BACKBONES, Preprocessing
from search_spaces.layers import (
    MOMENTUM,
    Backbone,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    MaxPooling,
    NormalizedConvolution,
    ResidualBlock,
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
    images = _images(plan)
    seed = _head_seed()
    features = _features(plan, images, backbone_weights)
    return keras.Model(images, _head(plan, features, seed=seed), name=name)


def build_frozen(plan: LayerPlan, *, backbone_weights: Path | None = None) -> keras.Model:
    """Build the part of a plan that training leaves as it is: the same layers as in `build_model`.

    Args:
        plan: The layers; it has a backbone.
        backbone_weights: As for `build_model`.

    Input shape:
        `(batch, height, width, channels)`, uint8, as in `plan.image_shape`.

    Output shape:
        `(batch, *plan.feature_shape)`, in the compute dtype of the dtype policy.

    Raises:
        FileNotFoundError: If there is no file at `backbone_weights`.
        ValueError: If the plan has no backbone.
    """
    if plan.backbone is None:
        raise ValueError(f"This plan has no backbone: nothing of it is frozen. Received: {plan}")
    images = _images(plan)
    return keras.Model(images, _features(plan, images, backbone_weights))


def build_head(plan: LayerPlan, *, name: str | None = None) -> keras.Model:
    """Build the part of a plan that is trained, fed with what `build_frozen` gives.

    Its layers have the names, variable paths and, after the same `keras.utils.set_random_seed`, the initial weights
    that they have in `build_model`: weights of the one are weights of the other.

    Args:
        plan: The layers; it has a backbone.
        name: The model's name. Defaults to one that Keras makes up.

    Input shape:
        `(batch, *plan.feature_shape)`, float32.

    Output shape:
        `(batch, plan.classes)`, float32, probabilities.

    Raises:
        ValueError: If the plan has no backbone.
    """
    if plan.backbone is None:
        raise ValueError(f"This plan has no backbone: it is all head. Received: {plan}")
    features = keras.Input(shape=plan.feature_shape, dtype="float32", name="features")
    return keras.Model(features, _head(plan, features, seed=_head_seed()), name=name)


def _images(plan: LayerPlan) -> Any:
    return keras.Input(shape=plan.image_shape, dtype="uint8", name="images")


def _features(plan: LayerPlan, images: Any, backbone_weights: Path | None) -> Any:
    """Images scaled, then through the frozen layers, if there are any."""
    if backbone_weights is not None and plan.backbone is None:
        raise ValueError(f"This plan has no backbone to load weights into. Received: {backbone_weights=!s}")
    if plan.backbone is None:
        # Scaled in float32 whatever the policy; the layers that follow cast to what they compute in.
        return keras.layers.Rescaling(1 / 255, dtype="float32", name="scaling")(images)
    outputs = _scale_for(plan.backbone, images)
    for layer, number in _numbered(plan)[: len(plan.frozen)]:
        if isinstance(layer, Backbone):
            # Not its training mode: batch statistics of small batches would change what the features mean.
            outputs = _backbone(layer.name, backbone_weights)(outputs, training=False)
        else:
            outputs = _apply(layer, outputs, number=number)
    return outputs


def _head(plan: LayerPlan, features: Any, *, seed: int) -> Any:
    """Features through the layers that are trained."""
    if plan.frozen:
        # Keras takes the seeds of initial weights and dropout from this generator one after the other, and a backbone
        # takes hundreds: the head must not begin with other weights where none is built.
        random.seed(seed)
    outputs = features
    for layer, number in _numbered(plan)[len(plan.frozen) :]:
        outputs = _apply(layer, outputs, number=number)
    return outputs


def _head_seed() -> int:
    """What the head's seeds derive from; taken before a backbone is built, whose own seeds stay what they are."""
    state = random.getstate()
    seed = random.getrandbits(64)
    random.setstate(state)
    return seed


def _numbered(plan: LayerPlan) -> list[tuple[Layer, int]]:
    """Each layer with its number among those of its kind, from 1."""
    count: Counter[type] = Counter()
    numbered = []
    for layer in plan.layers:
        count[type(layer)] += 1
        numbered.append((layer, count[type(layer)]))
    return numbered


def _apply(layer: Layer, inputs: Any, *, number: int) -> Any:
    match layer:
        case NormalizedConvolution(filters=filters, kernel_size=size):
            name = f"normalized_convolution_{number}"
            outputs = _convolve(inputs, filters, size, name=name)
            outputs = _normalize(outputs, name=f"{name}_normalization")
            return keras.layers.ReLU(name=f"{name}_relu")(outputs)
        case ResidualBlock():
            return _residual_block(layer, inputs, name=f"block_{number}")
        case _:
            return _keras_layer(layer, number=number)(inputs)


def _residual_block(block: ResidualBlock, inputs: Any, *, name: str) -> Any:
    filters, size, strides = block.filters, block.kernel_size, block.strides
    outputs = _convolve(inputs, filters, size, strides=strides, name=f"{name}_convolution_1")
    outputs = _normalize(outputs, name=f"{name}_normalization_1")
    outputs = keras.layers.ReLU(name=f"{name}_relu_1")(outputs)
    outputs = _convolve(outputs, filters, size, name=f"{name}_convolution_2")
    outputs = _normalize(outputs, scale="zeros", name=f"{name}_normalization_2")
    shortcut = inputs
    if block.projects(inputs.shape[-1]):
        shortcut = _convolve(inputs, filters, 1, strides=strides, name=f"{name}_projection")
        shortcut = _normalize(shortcut, name=f"{name}_projection_normalization")
    outputs = keras.layers.Add(name=f"{name}_addition")([shortcut, outputs])
    return keras.layers.ReLU(name=f"{name}_relu")(outputs)


def _convolve(inputs: Any, filters: int, size: int, *, name: str, strides: int = 1) -> Any:
    """A convolution that a batch normalisation follows: that one has the offset, and ReLU comes behind it."""
    return keras.layers.Conv2D(
        filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
    )(inputs)


def _normalize(inputs: Any, *, name: str, scale: str = "ones") -> Any:
    return keras.layers.BatchNormalization(momentum=MOMENTUM, gamma_initializer=scale, name=name)(inputs)


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
