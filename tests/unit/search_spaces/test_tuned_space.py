"""The recipe as a part of a family's search space."""

from dataclasses import dataclass
from typing import ClassVar

import optuna
import pytest

from search_spaces import (
    REPORT_POINT,
    Choice,
    Configuration,
    ConfigurationError,
    SearchSpace,
    find_space,
    parameter,
    tuned,
)
from search_spaces.grouped import Grouped

EVERYWHERE = {"learning_rate", "schedule", "batch_size", "weight_decay", "label_smoothing", "weight_averaging"}
GROUPED = {"l2": None, "batch_norm": True, "dropout": 0.2}
POINT = {**GROUPED, **REPORT_POINT}


def parameters(name, **settings):
    space = find_space(name, recipe="tuned", **settings)
    found = {each.removeprefix("use_") for each in space.distributions}
    return found - {each.removeprefix("use_") for each in find_space(name).distributions}


def test_the_recipe_joins_each_familys_own_parameters():
    assert parameters("grouped") == EVERYWHERE | {"augmentation", "flip_averaging"}
    assert parameters("isolated", mirrored=False) == EVERYWHERE | {"augmentation"}
    assert parameters("all") == EVERYWHERE | {"augmentation", "flip_averaging"}


def test_behind_a_frozen_backbone_there_are_no_other_views_of_an_image():
    assert parameters("pretrained") == EVERYWHERE
    space = find_space("all", recipe="tuned")
    (configuration,) = (space.from_dict(each.configuration) for each in space.reported[-1:])
    assert "augmentation" not in configuration.to_dict()
    assert space.to_params(configuration)["augmentation"] == "none"


def test_where_mirroring_changes_the_class_no_value_mirrors():
    upright = find_space("all", recipe="tuned", mirrored=False)
    assert upright.distributions["augmentation"].choices == ("none", "shift", "shift-erase")
    assert "flip_averaging" not in upright.distributions
    with pytest.raises(ConfigurationError, match="augmentation: expected none, shift or shift-erase"):
        find_space("grouped", recipe="tuned", mirrored=False).from_dict(
            {name: value for name, value in POINT.items() if name != "flip_averaging"} | {"augmentation": "flip-shift"}
        )


@pytest.mark.parametrize("mirrored", [True, False])
def test_the_reported_experiments_are_points_of_the_tuned_space(mirrored):
    space = find_space("all", recipe="tuned", mirrored=mirrored)
    assert [each.id for each in space.reported] == [each.id for each in find_space("all").reported]
    for reported, plain in zip(space.reported, find_space("all").reported, strict=True):
        configuration = space.from_dict(reported.configuration)
        assert configuration.plan((28, 28, 1), 10) == find_space("all").from_dict(plain.configuration).plan(
            (28, 28, 1), 10
        )
        values = configuration.to_dict()
        assert {name: REPORT_POINT[name] for name in values.keys() & REPORT_POINT.keys()}.items() <= values.items()
        assert space.from_params(space.to_params(configuration)) == configuration


def test_a_drawn_configuration_survives_json_and_parameters():
    space = find_space("all", recipe="tuned")
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    for _ in range(30):
        configuration = space.suggest(study.ask())
        assert space.from_dict(configuration.to_dict()) == configuration
        assert space.from_params(space.to_params(configuration)) == configuration


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("learning_rate", 0.5, "a number from 0.0003 to 0.01"),
        ("learning_rate", None, "a number from 0.0003 to 0.01"),
        ("schedule", "linear", "constant, cosine or one-cycle"),
        ("batch_size", 100, "32, 64, 128, 256 or 512"),
        ("weight_decay", 1.0, "a number from 0.0001 to 0.1, or off"),
        ("label_smoothing", 0.5, "a number from 0.02 to 0.2, or off"),
        ("weight_averaging", 1, "true or false"),
        ("augmentation", "flip", "none, flip-shift or flip-shift-erase"),
        ("flip_averaging", "yes", "true or false"),
    ],
)
def test_a_value_of_the_recipe_that_is_out_of_range_is_refused_by_name(name, value, expected):
    with pytest.raises(ConfigurationError, match=f"{name}: expected {expected}, received {value!r}"):
        find_space("grouped", recipe="tuned").from_dict(POINT | {name: value})


def test_a_tuned_family_is_made_once_and_keeps_its_name():
    made = tuned(Grouped)
    assert made is tuned(Grouped)
    assert made.family == "grouped"
    assert made.__name__ == "TunedGrouped"
    assert made.__doc__ == Grouped.__doc__


def test_each_recipe_and_kind_of_image_is_a_space_of_its_own():
    settings = ({}, {"recipe": "report"}, {"recipe": "tuned"}, {"recipe": "tuned", "mirrored": False})
    plain, report, mirrored, upright = (find_space("grouped", **each).hash for each in settings)
    assert plain == report
    assert len({plain, mirrored, upright}) == 3


def test_a_family_with_a_parameter_of_the_recipe_is_refused_by_name():
    @dataclass(frozen=True, kw_only=True)
    class Own(Configuration):
        family: ClassVar[str] = "own"
        batch_size: int = parameter(Choice(8, 16))

        def plan(self, image_shape, classes):
            raise NotImplementedError

    with pytest.raises(ValueError, match=r"'own' has parameters that the recipe 'tuned' has, too: batch_size\."):
        tuned(Own)


def test_a_space_of_one_family_has_its_default_recipe_and_several_have_the_reports():
    class Modern(Grouped):
        default_recipe: ClassVar[str] = "tuned"

    assert find_space("grouped").default_recipe == "report"
    assert SearchSpace(name="modern", families=(Modern,)).default_recipe == "tuned"
    assert SearchSpace(name="all", families=(Modern, find_space("isolated").families[0])).default_recipe == "report"


@pytest.mark.parametrize(("mirrored", "views"), [(True, "flip-shift"), (False, "shift")])
def test_the_first_trials_of_a_family_are_points_of_its_tuned_space(mirrored, views):
    space = find_space("residual", mirrored=mirrored)
    tuned_space = find_space("residual", recipe="tuned", mirrored=mirrored)
    for plain, first in zip(space.first_trials, tuned_space.first_trials, strict=True):
        values = tuned_space.from_dict(first.configuration).to_dict()
        assert plain.configuration.items() <= values.items()
        assert (values["schedule"], values["augmentation"]) == ("one-cycle", views)
        assert tuned_space.from_params(tuned_space.to_params(tuned_space.from_dict(first.configuration)))
