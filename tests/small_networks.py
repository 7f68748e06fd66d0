"""Plans of networks that a processor trains in moments, for tests to which the size of a network is nothing."""

from search_spaces import Backbone, Convolution, Dense, Flatten, GlobalAveragePooling, LayerPlan, MaxPooling
from search_spaces.layers import BatchNormalization, Dropout, NormalizedConvolution, ResidualBlock

_SOFTMAX = Dense(units=10, activation="softmax")

# Batch norm, an L2 penalty and dropout, as the report's networks have them.
SMALL = LayerPlan(
    image_shape=(28, 28, 1),
    classes=10,
    layers=(
        Convolution(filters=4),
        BatchNormalization(),
        MaxPooling(),
        MaxPooling(),
        Flatten(),
        Dense(units=16, l2=0.001),
        Dropout(rate=0.3),
        _SOFTMAX,
    ),
)

# A shortcut that is the input, and one that is a convolution.
SMALL_RESIDUAL = LayerPlan(
    image_shape=(28, 28, 1),
    classes=10,
    layers=(
        NormalizedConvolution(filters=4),
        ResidualBlock(filters=4, strides=2),
        ResidualBlock(filters=4),
        GlobalAveragePooling(),
        _SOFTMAX,
    ),
)

# On a frozen VGG16.
SMALL_HEAD = LayerPlan(
    image_shape=(28, 28, 1),
    classes=10,
    layers=(
        Backbone(name="vgg16"),
        GlobalAveragePooling(),
        Dense(units=16, l2=0.001),
        BatchNormalization(),
        Dropout(rate=0.2),
        _SOFTMAX,
    ),
)
