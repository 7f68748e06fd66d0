"""The family `residual`: its layers, what they cost, which images they take, and what it begins with."""

import itertools
import math

import pytest

from search_spaces import (
    Configuration,
    ConfigurationError,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    LayerPlan,
    MaxPooling,
    NormalizedConvolution,
    ResidualBlock,
    find_space,
)
from search_spaces.cost import cost_of

SPACE = find_space("residual")
SOFTMAX = Dense(units=10, activation="softmax")
PAIRS = ("stem_filters=16", "stem_kernel=3", "stages=3x16")


def every_configuration() -> list[Configuration]:
    choices = {name: distribution.choices for name, distribution in SPACE.distributions.items()}
    return [SPACE.from_dict(dict(zip(choices, values, strict=True))) for values in itertools.product(*choices.values())]


def plan_of(*pairs: str, image_shape: tuple[int, int, int] = (28, 28, 1)) -> LayerPlan:
    return SPACE.parse(pairs).plan(image_shape, 10)


def test_a_stem_three_stages_and_a_mean_are_laid_out():
    plan = plan_of("stem_filters=32", "stem_kernel=5", "stages=2x24")
    assert plan.layers == (
        NormalizedConvolution(filters=32, kernel_size=5),
        ResidualBlock(filters=24, strides=2),
        ResidualBlock(filters=24),
        ResidualBlock(filters=48, strides=2),
        ResidualBlock(filters=48),
        ResidualBlock(filters=96, strides=2),
        ResidualBlock(filters=96),
        GlobalAveragePooling(),
        SOFTMAX,
    )


def test_every_configuration_is_compact():
    configurations = every_configuration()
    assert len(set(configurations)) == math.prod(len(each.choices) for each in SPACE.distributions.values()) == 54
    for configuration in configurations:
        plan = configuration.plan((28, 28, 1), 10)
        assert 100_000 <= plan.parameters <= 1_500_000, configuration
        assert 5_000_000 <= plan.forward_macs <= 60_000_000, configuration


def test_a_normalised_convolution_costs_what_a_hand_computes():
    shape, cost = cost_of((NormalizedConvolution(filters=4, kernel_size=5),), (7, 6, 3))
    assert shape == (7, 6, 4)
    kernel = 5 * 5 * 3 * 4  # no bias
    assert cost.parameters == kernel + 4 * 4  # scale, offset, mean, variance
    assert cost.trainable_parameters == kernel + 2 * 4
    assert cost.forward_macs == 7 * 6 * kernel


def test_a_block_that_changes_the_shape_costs_what_a_hand_computes():
    shape, cost = cost_of((ResidualBlock(filters=4, strides=2),), (7, 6, 3))
    assert shape == (4, 3, 4)  # rounded up
    kernels = 3 * 3 * 3 * 4 + 3 * 3 * 4 * 4 + 3 * 4  # two convolutions and the shortcut
    assert cost.trainable_parameters == kernels + 3 * 2 * 4
    assert cost.parameters == kernels + 3 * 4 * 4
    assert cost.forward_macs == 4 * 3 * kernels


def test_a_block_that_keeps_the_shape_has_nothing_on_its_shortcut():
    kept = cost_of((ResidualBlock(filters=3, kernel_size=5),), (7, 6, 3))
    assert kept[0] == (7, 6, 3)
    assert kept[1].parameters == 2 * (5 * 5 * 3 * 3 + 4 * 3)
    assert kept[1].forward_macs == 7 * 6 * 2 * 5 * 5 * 3 * 3
    wider = cost_of((ResidualBlock(filters=4),), (7, 6, 3))[1]
    assert wider.forward_macs == 7 * 6 * (9 * 3 * 4 + 9 * 4 * 4 + 3 * 4)


@pytest.mark.parametrize("configuration", every_configuration()[::9], ids=str)
def test_images_need_five_by_five_pixels(configuration):
    assert configuration.plan((5, 5, 1), 10).parameters > 0
    for image_shape in ((4, 5, 1), (28, 4, 3), (1, 1, 1)):
        with pytest.raises(ConfigurationError, match=r"3 blocks with stride 2\. Expected at least 5 by 5"):
            configuration.plan(image_shape, 10)


def test_larger_and_coloured_images_have_the_same_network_but_for_the_first_kernel():
    grey, coloured = plan_of(*PAIRS), plan_of(*PAIRS, image_shape=(64, 48, 3))
    assert coloured.layers == grey.layers
    assert coloured.parameters - grey.parameters == 2 * 3 * 3 * 16
    assert coloured.forward_macs > 3 * grey.forward_macs


POOLING, HALVING = MaxPooling(), ResidualBlock(filters=2, strides=2)


@pytest.mark.parametrize(
    ("layers", "smallest", "told"),
    [
        ((HALVING,), 2, "1 block with stride 2"),
        ((HALVING, ResidualBlock(filters=2), HALVING), 3, "2 blocks with stride 2"),
        ((POOLING, HALVING, HALVING), 6, "1 pooling and 2 blocks with stride 2"),
        ((HALVING, HALVING, POOLING), 5, "1 pooling and 2 blocks with stride 2"),
        ((POOLING, POOLING, Dropout(rate=0.1), HALVING), 8, "2 poolings and 1 block with stride 2"),
    ],
)
def test_the_smallest_image_of_a_network_is_said_and_works(layers, smallest, told):
    ended = (*layers, GlobalAveragePooling(), SOFTMAX)
    for side in range(1, 20):
        if side >= smallest:
            LayerPlan(image_shape=(side, side, 1), classes=10, layers=ended)
        else:
            with pytest.raises(ConfigurationError, match=f"{told}.*at least {smallest} by {smallest}"):
                LayerPlan(image_shape=(side, side, 1), classes=10, layers=ended)


@pytest.mark.parametrize("layer", [NormalizedConvolution(filters=2), ResidualBlock(filters=2)])
def test_flat_values_do_not_go_through_a_convolution(layer):
    with pytest.raises(ConfigurationError, match=f"{type(layer).__name__} needs height, width and channels"):
        LayerPlan(image_shape=(8, 8, 1), classes=10, layers=(Convolution(filters=2), Flatten(), layer, SOFTMAX))


def test_the_family_begins_with_two_published_networks():
    plans = {each.id: SPACE.from_dict(each.configuration).plan((28, 28, 1), 10) for each in SPACE.first_trials}
    widths = {
        name: [layer.filters for layer in plan.layers if isinstance(layer, NormalizedConvolution | ResidualBlock)]
        for name, plan in plans.items()
    }
    assert widths == {
        "residual-resnet20": [16, 16, 16, 16, 32, 32, 32, 64, 64, 64],
        "residual-wide": [32, 64, 128, 256],
    }
    assert plans["residual-resnet20"].parameters == pytest.approx(0.27e6, rel=0.02)
    assert plans["residual-wide"].parameters == pytest.approx(1.2e6, rel=0.02)


def test_first_trials_are_configurations_of_every_space_that_has_the_family():
    for space in (SPACE, find_space("all"), find_space("all", without=["pretrained"])):
        for first in space.first_trials:
            configuration = space.from_dict(first.configuration)
            assert configuration.to_dict() == first.configuration
            assert space.from_params(space.to_params(configuration)) == configuration
    assert find_space("all").first_trials == SPACE.first_trials
    assert find_space("all", without=["residual"]).first_trials == find_space("grouped").first_trials == ()


def test_nothing_was_reported_of_it():
    assert SPACE.reported == ()
    assert find_space("all").reported == find_space("all", without=["residual"]).reported


def test_families_know_the_recipe_they_are_usually_trained_with():
    recipes = {family.family: family.default_recipe for family in find_space("all").families}
    assert recipes == {"isolated": "report", "grouped": "report", "pretrained": "report", "residual": "tuned"}
