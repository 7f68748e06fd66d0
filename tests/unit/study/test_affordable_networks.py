"""Which networks of a search space keep to limits."""

from dataclasses import dataclass
from typing import ClassVar

import pytest

from search_spaces import (
    Choice,
    Configuration,
    ConfigurationError,
    Convolution,
    Dense,
    Flatten,
    LayerPlan,
    SearchSpace,
    Switch,
    Uniform,
    find_space,
    parameter,
)
from sweep.affordable import excess_of, networks_of, refuse_unmeetable_limits, within_limits
from sweep.errors import UsageError
from sweep.limits import NetworkLimits
from tests.identities import make_identity

SHAPE, CLASSES = (28, 28, 1), 10
LABELS = tuple("abcdefghij")


@dataclass(frozen=True, kw_only=True)
class Stacked(Configuration):
    """Far more networks than can be tried: five convolutions of ten widths each, and a number that scales them all."""

    family: ClassVar[str] = "stacked"

    a: int = parameter(Choice(*range(10, 110, 10)))
    b: int = parameter(Choice(*range(10, 110, 10)))
    c: int = parameter(Choice(*range(10, 110, 10)))
    d: int = parameter(Choice(*range(10, 110, 10)))
    e: int = parameter(Choice(*range(10, 110, 10)))
    width: float = parameter(Uniform(0.5, 2.0))
    rate: float = parameter(Uniform(0.1, 0.5))
    bias: bool = parameter(Switch())

    def plan(self, image_shape, classes):
        widths = (int(self.width * each) for each in (self.a, self.b, self.c, self.d, self.e))
        layers = (
            *(Convolution(filters=each) for each in widths),
            Flatten(),
            Dense(units=classes, activation="softmax"),
        )
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)


@dataclass(frozen=True, kw_only=True)
class Broken(Configuration):
    """Has no network at all where it is wide."""

    family: ClassVar[str] = "broken"

    width: int = parameter(Choice(4, 8))

    def plan(self, image_shape, classes):
        if self.width > 4:
            raise ConfigurationError("too wide")
        layers = (Flatten(), Dense(units=classes, activation="softmax"))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)


def refused(space, shape=SHAPE, **limits):
    with pytest.raises(UsageError) as caught:
        refuse_unmeetable_limits(space, NetworkLimits(**limits), shape, CLASSES)
    return str(caught.value)


def test_networks_that_differ_in_cost_are_all_found_and_each_once():
    found = networks_of(find_space("isolated"), NetworkLimits(macs=1), SHAPE, CLASSES)
    costs = {(each.plan.forward_macs, each.plan.parameters) for each in found}
    assert len(found) == len(costs) == 4  # three or four convolutions, with batch norm and without
    assert {each.configuration.dropout for each in found} == {None}  # which costs nothing


def test_a_limit_below_the_smallest_network_is_refused_with_that_network():
    said = refused(find_space("isolated"), macs=50_000_000)
    assert all(part in said for part in ("118,580,736", "50,000,000", "conv_layers=3", "batch_norm=off", "--family"))


def test_the_smallest_network_itself_is_within_the_limit():
    space = find_space("isolated")
    refuse_unmeetable_limits(space, NetworkLimits(macs=118_580_736, parameters=3_549_834), SHAPE, CLASSES)
    assert "118,580,736" in refused(space, macs=118_580_735)
    assert "3,549,834" in refused(space, parameters=3_549_833)


def test_limits_that_only_together_are_too_much_are_refused_as_such():
    space = find_space("all", without=("pretrained", "residual"))
    alone = {"macs": 150_000_000}, {"parameters": 2_100_000}  # isolated is fast, grouped is small
    for each in alone:
        refuse_unmeetable_limits(space, NetworkLimits(**each), SHAPE, CLASSES)
    said = refused(space, **alone[0], **alone[1])
    assert "not both" in said
    assert "isolated" in said


def test_of_several_families_the_smallest_is_named_with_its_family():
    assert "isolated: conv_layers=3" in refused(find_space("all", without=("residual",)), macs=1000)


def test_a_space_too_large_to_be_tried_is_searched_for_its_smallest_network():
    space = SearchSpace(name="stacked", families=(Stacked,))
    smallest = Stacked(a=10, b=10, c=10, d=10, e=10, width=0.5, rate=0.1, bias=False).plan(SHAPE, CLASSES)
    refuse_unmeetable_limits(space, NetworkLimits(macs=smallest.forward_macs), SHAPE, CLASSES)
    said = refused(space, macs=smallest.forward_macs - 1)
    assert f"{smallest.forward_macs:,}" in said
    assert "width=0.5" in said


def test_configurations_without_a_network_are_left_out():
    space = SearchSpace(name="broken", families=(Broken,))
    assert "width=4" in refused(space, parameters=100)
    refuse_unmeetable_limits(space, NetworkLimits(parameters=10_000), SHAPE, CLASSES)


def test_limits_are_not_blamed_for_images_that_no_network_takes():
    refuse_unmeetable_limits(find_space("isolated"), NetworkLimits(macs=1), (4, 4, 1), CLASSES)


def test_no_latency_is_refused_before_it_is_measured():
    refuse_unmeetable_limits(find_space("isolated"), NetworkLimits(latency=1e-9), SHAPE, CLASSES)


def test_reported_experiments_above_a_limit_are_told_from_those_within():
    space = find_space("isolated")
    within = within_limits(space.reported, space, make_identity(labels=LABELS, max_macs=150_000_000))
    assert [each.id for each in space.reported if each not in within] == ["isolated-10"]  # the one with four
    assert within_limits(space.reported, space, make_identity(labels=LABELS)) == space.reported


def test_first_trials_above_a_limit_are_left_out():
    space = find_space("residual")
    within = within_limits(space.first_trials, space, make_identity(labels=LABELS, max_macs=20_000_000))
    assert [each.id for each in within] == ["residual-resnet20"]


def test_a_configuration_is_above_the_limits_of_a_study_s_own_images():
    configuration = find_space("isolated").from_dict(
        {"conv_layers": 3, "l2": None, "batch_norm": False, "dropout": None}
    )
    limits = {"labels": LABELS, "max_macs": 150_000_000}
    assert excess_of(configuration, make_identity(**limits)) is None
    assert "--max-macs" in excess_of(configuration, make_identity(**limits, image_shape=(56, 56, 1)))
