"""A search space and Optuna: what is suggested, and the way between configurations and parameters."""

import math
import pickle
import subprocess
import sys
from dataclasses import dataclass
from typing import ClassVar

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.trial import Trial

from search_spaces import (
    Choice,
    Configuration,
    ConfigurationError,
    Dense,
    Flatten,
    LayerPlan,
    Optional,
    SearchSpace,
    Switch,
    Uniform,
    find_space,
    parameter,
)

NAMES = ("isolated", "grouped", "pretrained", "residual", "all")


@dataclass(frozen=True, kw_only=True)
class Tiny(Configuration):
    family: ClassVar[str] = "tiny"

    width: float = parameter(Uniform(1, 4))
    shift: float | None = parameter(Optional(Uniform(-1, 1)))

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        softmax = Dense(units=classes, activation="softmax")
        return LayerPlan(image_shape=image_shape, classes=classes, layers=(Flatten(), softmax))


@pytest.fixture(autouse=True)
def _quiet_optuna():
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(verbosity)


def sampled(name: str, count: int) -> list[tuple[Configuration, Trial]]:
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=43))
    space = find_space(name)
    trials = [study.ask() for _ in range(count)]
    return [(space.suggest(trial), trial) for trial in trials]


def test_the_parameters_carry_the_names_that_studies_store():
    shared = ["use_l2", "l2", "batch_norm", "use_dropout", "dropout"]
    assert list(find_space("isolated").distributions) == ["conv_layers", *shared]
    assert list(find_space("grouped").distributions) == shared
    assert list(find_space("pretrained").distributions) == ["backbone", *shared]
    stages = ["stem_filters", "stem_kernel", "stages"]
    assert list(find_space("residual").distributions) == stages
    assert list(find_space("all").distributions) == ["family", "conv_layers", *shared, "backbone", *stages]


@pytest.mark.parametrize("name", NAMES)
def test_every_trial_has_every_parameter_with_the_same_distributions_in_the_same_order(name):
    expected = list(find_space(name).distributions.items())
    for _, trial in sampled(name, 30):
        assert list(trial.distributions.items()) == expected


@pytest.mark.parametrize("name", NAMES)
def test_sampled_configurations_survive_the_way_to_parameters_and_back(name):
    space = find_space(name)
    for configuration, trial in sampled(name, 30):
        assert space.from_params(trial.params) == configuration
        assert space.from_params(space.to_params(configuration)) == configuration
        assert space.from_dict(configuration.to_dict()) == configuration


def test_all_samples_every_family():
    assert {configuration.family for configuration, _ in sampled("all", 30)} == {
        "isolated",
        "grouped",
        "pretrained",
        "residual",
    }


def test_an_enqueued_configuration_is_the_one_that_is_suggested():
    space = find_space("all")
    configuration = space.parse(["family=grouped", "l2=0.01", "batch_norm=true", "dropout=off"])
    study = optuna.create_study()
    study.enqueue_trial(space.to_params(configuration))
    assert space.suggest(study.ask()) == configuration


def test_an_enqueued_value_out_of_range_is_refused_when_it_is_suggested():
    space = find_space("grouped")
    params = space.to_params(space.parse(["l2=0.01", "batch_norm=true", "dropout=0.2"]))
    study = optuna.create_study()
    study.enqueue_trial(params | {"l2": 5.0})
    trial = study.ask()
    with pytest.warns(UserWarning, match="out of range"), pytest.raises(ConfigurationError, match="l2"):
        space.suggest(trial)


def test_what_is_switched_off_keeps_an_inert_value():
    space = find_space("isolated")
    off = space.parse(["conv_layers=3", "l2=off", "batch_norm=false", "dropout=off"])
    assert space.to_params(off) == {
        "conv_layers": 3,
        "use_l2": False,
        "l2": pytest.approx(math.sqrt(0.0001 * 0.1)),  # the geometric middle
        "batch_norm": False,
        "use_dropout": False,
        "dropout": pytest.approx(0.3),  # the arithmetical one
    }


def test_parameters_of_the_other_families_keep_an_inert_value():
    params = find_space("all").to_params(
        find_space("all").parse(["family=grouped", "l2=0.01", "batch_norm=true", "dropout=0.2"])
    )
    assert params["family"] == "grouped"
    assert (params["conv_layers"], params["backbone"], params["stages"]) == (3, "vgg16", "3x16")


@pytest.mark.parametrize("name", NAMES)
def test_inert_values_lie_within_their_distributions(name):
    space = find_space(name)
    for experiment in space.reported:
        for parameter_name, value in space.to_params(space.from_dict(experiment.configuration)).items():
            distribution = space.distributions[parameter_name]
            assert distribution._contains(distribution.to_internal_repr(value))


def test_a_configuration_of_another_family_has_no_parameters_in_this_space():
    grouped = find_space("grouped").parse(["l2=0.01", "batch_norm=true", "dropout=0.2"])
    with pytest.raises(ConfigurationError, match=r"'isolated' has no family 'grouped'.*isolated"):
        find_space("isolated").to_params(grouped)


def test_missing_parameters_are_named():
    with pytest.raises(ConfigurationError, match="Missing: use_l2, l2, use_dropout, dropout"):
        find_space("grouped").from_params({"batch_norm": True})


def test_a_parameter_with_one_value_may_be_missing():
    @dataclass(frozen=True, kw_only=True)
    class Fixed(Configuration):
        family: ClassVar[str] = "fixed"
        units: int = parameter(Choice(16))
        batch_norm: bool = parameter(Switch())

        def plan(self, image_shape, classes):
            raise NotImplementedError

    space = SearchSpace(name="fixed", families=(Fixed,))
    assert space.from_params({"batch_norm": True}) == Fixed(units=16, batch_norm=True)


def test_parameters_of_an_unknown_family_are_refused():
    space = find_space("all")
    params = space.to_params(space.from_dict(space.reported[0].configuration))
    with pytest.raises(ConfigurationError, match="family='dense'"):
        space.from_params(params | {"family": "dense"})


def test_the_hash_is_the_same_in_every_process_and_version():
    # Stored with every study: if this fails, existing studies can no longer be resumed.
    assert find_space("isolated").hash == "799bf5ee5072b306234de083740540305025d551ff5f123fd575bec62f2a2c0b"
    assert find_space("all").hash == "e36d82bb393b8418b41444ff0de169f0b6155fac200fba194e0ea006217581ee"


def test_a_family_that_is_left_out_leaves_no_trace_in_the_hash():
    of_the_reports_three = "eae8edd5b34ca25c098e4afe3f9b6c180c35566f987d38ec5c826827b9922bae"
    assert find_space("all", without=["residual"]).hash == of_the_reports_three


def test_the_hash_differs_between_spaces_and_with_a_family_left_out():
    hashes = {find_space(name).hash for name in NAMES} | {find_space("all", without=["pretrained"]).hash}
    assert len(hashes) == 6


def test_the_hash_changes_with_a_bound():
    @dataclass(frozen=True, kw_only=True)
    class Wider(Tiny):
        width: float = parameter(Uniform(1, 5))

    assert SearchSpace(name="tiny", families=(Tiny,)).hash != SearchSpace(name="tiny", families=(Wider,)).hash


def test_a_space_says_which_backbones_it_can_choose():
    backbones = ("vgg16", "vgg19", "inception_v3", "resnet152_v2")
    assert find_space("pretrained").uses_backbones == backbones
    assert find_space("all").uses_backbones == backbones
    assert find_space("all", without=["pretrained"]).uses_backbones == ()


def test_spaces_and_configurations_can_be_sent_to_another_process():
    space = find_space("all")
    configuration = space.from_dict(space.reported[0].configuration)
    assert pickle.loads(pickle.dumps(space)) == space
    assert pickle.loads(pickle.dumps(configuration)) == configuration


def test_parameters_of_the_same_name_must_be_alike_in_all_families():
    @dataclass(frozen=True, kw_only=True)
    class Other(Tiny):
        family: ClassVar[str] = "other"
        width: float = parameter(Uniform(1, 5))

    with pytest.raises(ValueError, match=r"'width' of family 'other'.*high=4"):
        SearchSpace(name="both", families=(Tiny, Other))


@pytest.mark.parametrize("name", ["family", "use_shift"])
def test_a_parameter_cannot_take_a_name_in_use(name):
    clashing = dataclass(frozen=True, kw_only=True)(
        type("Clashing", (Tiny,), {"__annotations__": {name: bool}, name: parameter(Switch())})
    )
    if name != "family":
        clashing.family = "clashing"
    with pytest.raises(ValueError, match=f"in use: .*{name}"):
        SearchSpace(name="clashing", families=(clashing,))


@pytest.mark.parametrize("families", [(), (Tiny, Tiny)])
def test_a_space_needs_different_families(families):
    with pytest.raises(ValueError, match="needs different families"):
        SearchSpace(name="none", families=families)


def test_a_family_without_parameters_is_told_about_the_decorator():
    class Forgotten(Configuration):
        family: ClassVar[str] = "forgotten"
        width: float = parameter(Uniform(1, 4))

        def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
            raise NotImplementedError  # this test never lays out a network

    with pytest.raises(ValueError, match="decorate the class with @dataclass"):
        SearchSpace(name="forgotten", families=(Forgotten,))


def test_a_field_that_is_no_parameter_is_named():
    @dataclass(frozen=True, kw_only=True)
    class Plain(Tiny):
        depth: int = 3

    with pytest.raises(ValueError, match="Field 'depth' of Plain is no hyperparameter"):
        SearchSpace(name="plain", families=(Plain,))


def test_own_parameters_come_before_inherited_ones():
    configuration = find_space("isolated").parse(["dropout=0.5", "batch_norm=true", "l2=off", "conv_layers=4"])
    assert list(configuration.to_dict().items()) == [
        ("family", "isolated"),
        ("conv_layers", 4),
        ("l2", None),
        ("batch_norm", True),
        ("dropout", 0.5),
    ]


def test_whole_numbers_become_floats_so_that_equal_configurations_are_equal():
    assert Tiny(width=2, shift=1) == Tiny(width=2.0, shift=1.0)
    assert all(type(value) is float for value in (Tiny(width=2, shift=1).width, Tiny(width=2, shift=1).shift))


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        Tiny(width=2, shift=None).width = 3


@pytest.mark.parametrize("values", [(), (3, 3), (1.5,), (True,)])
def test_a_choice_needs_different_ints_or_strings(values):
    with pytest.raises(ValueError, match="A Choice needs"):
        Choice(*values)


@pytest.mark.parametrize(("low", "high", "log"), [(1, 1, False), (2, 1, False), (0, 1, True), (0, math.inf, False)])
def test_a_uniform_needs_finite_ordered_bounds(low, high, log):
    with pytest.raises(ValueError, match="A Uniform needs"):
        Uniform(low, high, log=log)


def test_distributions_are_optunas():
    assert all(isinstance(d, BaseDistribution) for d in find_space("all").distributions.values())


def test_importing_the_package_imports_no_keras():
    code = "import sys, search_spaces; sys.exit(bool({'keras', 'tensorflow', 'jax'} & sys.modules.keys()))"
    subprocess.run([sys.executable, "-c", code], check=True)
