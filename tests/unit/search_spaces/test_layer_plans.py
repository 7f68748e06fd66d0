"""Plans: which layers a configuration makes, what they cost, and which plans cannot be."""

from itertools import pairwise
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pytest

from search_spaces import (
    BACKBONES,
    Backbone,
    BatchNormalization,
    ConfigurationError,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    LayerPlan,
    MaxPooling,
    find_space,
)

SOFTMAX = Dense(units=10, activation="softmax")


def plan_of(*pairs: str, image_shape: tuple[int, int, int] = (28, 28, 1)) -> LayerPlan:
    return find_space("all").parse(pairs).plan(image_shape, 10)


def test_the_cost_of_a_tiny_plan_is_what_a_hand_computes():
    plan = LayerPlan(
        image_shape=(5, 4, 3),
        classes=2,
        layers=(
            Convolution(filters=2),  # 3·3·3·2 weights on 5·4 pixels, 2 biases
            MaxPooling(),  # 2 by 2 by 2: the fifth row is dropped
            BatchNormalization(),  # scale, offset, mean, variance of 2 channels
            Dropout(rate=0.5),
            Flatten(),  # 8 values
            Dense(units=4, l2=0.01),  # 8·4 weights, 4 biases
            BatchNormalization(),
            Dense(units=2, activation="softmax"),  # 4·2 weights, 2 biases
        ),
    )
    assert plan.parameters == (54 + 2) + 8 + (32 + 4) + 16 + (8 + 2)
    assert plan.trainable_parameters == plan.parameters - 4 - 8  # the moving averages are not trained
    assert plan.forward_macs == 20 * 54 + 32 + 8


def test_a_backbone_is_counted_as_frozen():
    plan = plan_of("family=pretrained", "backbone=vgg16", "l2=off", "batch_norm=false", "dropout=off")
    dense = (512 * 384 + 384) + (384 * 768 + 768) + (768 * 10 + 10)
    assert plan.parameters == 14_714_688 + dense
    assert plan.trainable_parameters == dense
    assert plan.forward_macs == 313_196_544 + 512 * 384 + 384 * 768 + 768 * 10
    assert plan.backbone == "vgg16"


def test_isolated_lays_out_blocks_and_dense_layers_in_the_reports_order():
    plan = plan_of("family=isolated", "conv_layers=4", "l2=0.01", "batch_norm=true", "dropout=0.2")
    regularisers = (BatchNormalization(momentum=0.9), Dropout(rate=0.2))
    blocks = [(Convolution(filters=f), MaxPooling(), *regularisers) for f in (128, 256, 512, 1024)]
    assert plan.layers == (
        *(layer for block in blocks for layer in block),
        Flatten(),
        Dense(units=384, l2=0.01),
        *regularisers,
        Dense(units=768, l2=0.01),
        *regularisers,
        SOFTMAX,
    )
    assert plan.backbone is None


def test_grouped_lays_out_three_groups_of_three_convolutions():
    plan = plan_of("family=grouped", "l2=off", "batch_norm=true", "dropout=off")
    groups = [(256, 128, 256), (128, 64, 128), (256, 128, 32)]
    blocks = [(*(Convolution(filters=f) for f in group), MaxPooling(), BatchNormalization()) for group in groups]
    assert plan.layers == (
        *(layer for block in blocks for layer in block),
        Flatten(),
        Dense(units=384),
        BatchNormalization(),
        Dense(units=768),
        BatchNormalization(),
        SOFTMAX,
    )


def test_pretrained_lays_out_the_mean_of_the_backbones_features():
    plan = plan_of("family=pretrained", "backbone=vgg19", "l2=0.001", "batch_norm=false", "dropout=0.5")
    assert plan.layers == (
        Backbone(name="vgg19"),
        GlobalAveragePooling(),
        Dense(units=384, l2=0.001),
        Dropout(rate=0.5),
        Dense(units=768, l2=0.001),
        Dropout(rate=0.5),
        SOFTMAX,
    )


def test_the_first_dense_layer_sees_as_many_values_as_the_report_implies():
    """Isolated flattens to 3·3·512 = 4,608 values, grouped to 3·3·32 = 288."""
    plain = ("l2=off", "batch_norm=false", "dropout=off")
    rest = (384 * 768 + 768) + (768 * 10 + 10)
    isolated = (9 * 128 + 128) + (9 * 128 * 256 + 256) + (9 * 256 * 512 + 512)
    assert plan_of("family=isolated", "conv_layers=3", *plain).parameters == isolated + 4608 * 384 + 384 + rest
    widths = (1, 256, 128, 256, 128, 64, 128, 256, 128, 32)
    grouped = sum(9 * before * after + after for before, after in pairwise(widths))
    assert plan_of("family=grouped", *plain).parameters == grouped + 288 * 384 + 384 + rest


@pytest.mark.parametrize(
    ("pairs", "smallest"),
    [
        (("family=isolated", "conv_layers=3"), 8),
        (("family=isolated", "conv_layers=4"), 16),
        (("family=grouped",), 8),
    ],
)
def test_images_too_small_for_the_poolings_are_refused_with_the_smallest_size(pairs, smallest):
    plain = (*pairs, "l2=off", "batch_norm=false", "dropout=off")
    assert plan_of(*plain, image_shape=(smallest, smallest, 1)).parameters > 0
    with pytest.raises(ConfigurationError, match=f"Expected at least {smallest} by {smallest}"):
        plan_of(*plain, image_shape=(28, smallest - 1, 1))


def test_a_backbone_takes_images_of_any_size():
    pairs = ("family=pretrained", "backbone=inception_v3", "l2=off", "batch_norm=false", "dropout=off")
    assert plan_of(*pairs, image_shape=(1, 1, 1)) != plan_of(*pairs, image_shape=(200, 100, 3))


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ((), "A plan ends with"),
        ((Flatten(), Dense(units=10)), "A plan ends with"),
        ((Flatten(), Dense(units=9, activation="softmax")), "A plan ends with"),
        ((SOFTMAX,), "Put Flatten or GlobalAveragePooling before it"),
        ((Flatten(), Convolution(filters=2), SOFTMAX), "Convolution needs height, width and channels"),
        (
            (Backbone(name="vgg61"), GlobalAveragePooling(), SOFTMAX),
            "No backbone named 'vgg61'. Known backbones",
        ),
        ((MaxPooling(), Backbone(name="vgg16"), Flatten(), SOFTMAX), "must be the first layer"),
        ((Backbone(name="vgg16"), MaxPooling(), Flatten(), SOFTMAX), "gives 1 by 1 features"),
    ],
)
def test_layers_that_do_not_fit_together_are_refused(layers, told):
    with pytest.raises(ConfigurationError, match=told):
        LayerPlan(image_shape=(28, 28, 1), classes=10, layers=layers)


def test_a_backbone_needs_grey_or_colour_images():
    with pytest.raises(ConfigurationError, match="1 or 3 channels"):
        LayerPlan(
            image_shape=(28, 28, 4),
            classes=10,
            layers=(Backbone(name="vgg16"), GlobalAveragePooling(), SOFTMAX),
        )


@pytest.mark.parametrize(("image_shape", "classes"), [((28, 28), 10), ((0, 28, 1), 10), ((28, 28, 1), 1)])
def test_a_plan_needs_images_and_classes(image_shape, classes):
    with pytest.raises(ConfigurationError, match="at least 2 classes"):
        LayerPlan(
            image_shape=image_shape,
            classes=classes,
            layers=(Flatten(), Dense(units=classes, activation="softmax")),
        )


def test_every_backbone_names_a_weights_file_without_classifier_and_its_checksum():
    for facts in BACKBONES.values():
        url = urlsplit(facts.weights_url)
        assert url.scheme == "https"
        assert PurePosixPath(url.path).name == facts.weights_file
        assert facts.weights_file.endswith("_notop.h5")
        assert len(bytes.fromhex(facts.weights_md5)) == 16
