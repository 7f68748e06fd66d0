import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from search_spaces import (
    Choice,
    Configuration,
    ConfigurationError,
    Dense,
    Flatten,
    LayerPlan,
    SearchSpace,
    find_space,
    parameter,
)
from sweep.estimate import TRIAL_SECONDS, Counts, Estimator, study_seconds, typical_plans


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cache" / "rates.json"


@pytest.fixture
def estimator(path):
    return Estimator(path, family="isolated", precision="auto")


@pytest.fixture
def plan(space):
    return space.from_dict(space.reported[0].configuration).plan((28, 28, 1), 2)


def counts_of(space, wanted, done):
    """So many trials are wanted, and the first of what is enqueued are done."""
    names = tuple(each.id for each in space.experiments)
    return Counts(wanted=wanted, enqueued=names[done:], done=frozenset(names[:done]), train=900, validation=300)


def test_nothing_is_estimated_before_a_speed_is_known(estimator, space, plan, make_identity):
    counts = Counts(wanted=5, enqueued=(), done=frozenset(), train=900, validation=300)
    assert estimator.macs_per_second is None
    assert estimator.trial_seconds(plan, make_identity(), train=900, validation=300) is None
    assert study_seconds(estimator, space, make_identity(), counts) is None


def test_a_trial_trains_its_images_and_passes_the_validation_images_forward(estimator, plan, make_identity):
    estimator.learn(plan, images_per_second=100.0)
    seconds = estimator.trial_seconds(plan, make_identity(epochs=10), train=900, validation=300)
    assert seconds == pytest.approx(TRIAL_SECONDS + 10 * (900 + 300 / 3) / 100)


def test_the_first_speed_of_a_running_trial_is_taken_only_where_none_is_known(estimator, plan, make_result):
    estimator.learn(plan, images_per_second=None)
    assert estimator.macs_per_second is None
    estimator.remember(plan, make_result(images_per_second=50.0))
    estimator.learn(plan, images_per_second=100.0)
    assert estimator.macs_per_second == 50.0 * plan.forward_macs


def test_a_speed_is_kept_for_later_runs_of_the_family_and_precision(estimator, path, plan, make_result):
    estimator.remember(plan, make_result(images_per_second=50.0))
    assert Estimator(path, family="isolated", precision="auto").macs_per_second == 50.0 * plan.forward_macs
    assert Estimator(path, family="isolated", precision="float32").macs_per_second is None
    assert Estimator(path, family="grouped", precision="auto").macs_per_second is None
    assert [file.name for file in path.parent.iterdir()] == ["rates.json"]


def test_speeds_that_others_kept_meanwhile_stay(estimator, path, plan, make_result):
    Estimator(path, family="grouped", precision="auto").remember(plan, make_result(images_per_second=70.0))
    estimator.remember(plan, make_result(images_per_second=50.0))
    assert set(json.loads(path.read_text())) == {"grouped/auto", "isolated/auto"}


def test_a_trial_without_a_speed_is_not_kept(estimator, path, plan, make_result):
    estimator.remember(plan, make_result(images_per_second=None))
    assert not path.exists()


@pytest.mark.parametrize(
    "hinder",
    [
        pytest.param(lambda path: path.parent.write_text(""), id="a file in the folder's place"),
        pytest.param(lambda path: path.mkdir(parents=True), id="a folder in the file's place"),
    ],
)
def test_a_speed_that_cannot_be_kept_is_known_to_this_run_and_stops_nothing(
    estimator, path, plan, make_result, tmp_path, caplog, hinder
):
    hinder(path)
    estimator.remember(plan, make_result(images_per_second=50.0))
    assert estimator.macs_per_second == 50.0 * plan.forward_macs
    assert "the speed of a trial was not kept" in caplog.text
    assert {each.name for each in tmp_path.rglob("*")} <= {"cache", "rates.json"}


def test_workers_of_one_home_and_one_process_number_keep_their_speeds_at_once(path, plan, make_result, caplog):
    """As in containers, where each worker is process 1."""
    together = threading.Barrier(4)

    def remember(family):
        estimator = Estimator(path, family=family, precision="auto")
        together.wait()
        for _ in range(100):
            estimator.remember(plan, make_result(images_per_second=50.0))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(remember, "abcd"))
    assert caplog.text == ""
    assert [each.name for each in path.parent.iterdir()] == ["rates.json"]


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '{"isolated/auto": "fast"}'])
def test_an_unreadable_file_is_an_empty_one(path, content):
    path.parent.mkdir()
    path.write_text(content)
    assert Estimator(path, family="isolated", precision="auto").macs_per_second is None


def test_a_study_takes_its_missing_baselines_and_then_typical_trials(estimator, space, plan, make_identity):
    identity = make_identity()
    estimator.learn(plan, images_per_second=100.0)

    def of_trial(each):
        return estimator.trial_seconds(each, identity, train=900, validation=300)

    def of_study(wanted, done):
        return study_seconds(estimator, space, identity, counts_of(space, wanted, done))

    reported = [of_trial(space.from_dict(each.configuration).plan((28, 28, 1), 2)) for each in space.reported]
    typical = [of_trial(each) for each in typical_plans(space, identity)]
    assert of_study(0, 0) == 0
    assert of_study(2, 1) == pytest.approx(reported[1] + reported[2])
    assert of_study(3, len(reported) - 1) == pytest.approx(reported[-1] + 2 * sum(typical) / len(typical))


def test_first_trials_are_counted_with_their_own_cost(path, make_identity):
    space, identity = find_space("residual", recipe="tuned"), make_identity(family="residual", recipe="tuned")
    estimator = Estimator(path, family="residual", precision="auto")
    plans = [space.from_dict(each.configuration).plan((28, 28, 1), 2) for each in space.first_trials]
    estimator.learn(plans[0], images_per_second=100.0)
    small, large = (estimator.trial_seconds(plan, identity, train=900, validation=300) for plan in plans)
    assert large > 3 * small

    def of_study(wanted, done):
        return study_seconds(estimator, space, identity, counts_of(space, wanted, done))

    assert of_study(2, 0) == pytest.approx(small + large)
    assert of_study(1, 1) == pytest.approx(large)


def test_typical_networks_are_the_same_every_time(space, make_identity):
    assert typical_plans(space, make_identity()) == typical_plans(find_space("isolated"), make_identity())


@dataclass(frozen=True, kw_only=True)
class NarrowOnly(Configuration):
    """A family that has a network for narrow images alone where it is wide."""

    family: ClassVar[str] = "narrow-only"

    width: int = parameter(Choice(4, 8))

    def plan(self, image_shape, classes):
        if self.width > 4 and image_shape[0] > 8:
            raise ConfigurationError("too wide")
        layers = (Flatten(), Dense(units=self.width), Dense(units=classes, activation="softmax"))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)


def test_what_has_no_network_on_such_images_does_not_keep_others_from_being_estimated(path, make_identity):
    space = SearchSpace(name="narrow-only", families=(NarrowOnly,))
    narrow = NarrowOnly(width=4).plan((28, 28, 1), 2)
    assert set(typical_plans(space, make_identity())) == {narrow}
    estimator = Estimator(path, family="narrow-only", precision="auto")
    counts = Counts(wanted=5, enqueued=(), done=frozenset(), train=900, validation=300)
    assert study_seconds(estimator, space, make_identity(), counts) is None
    estimator.learn(narrow, images_per_second=100.0)
    of_trial = estimator.trial_seconds(narrow, make_identity(), train=900, validation=300)
    assert study_seconds(estimator, space, make_identity(), counts) == pytest.approx(5 * of_trial)


@pytest.fixture
def pretrained():
    return find_space("pretrained")


def pretrained_plan(space, backbone="vgg16"):
    configuration = {"backbone": backbone, "l2": None, "batch_norm": False, "dropout": None}
    return space.from_dict(configuration).plan((28, 28, 1), 2)


def test_a_trial_on_a_frozen_backbone_costs_its_head_alone(path, pretrained, make_identity):
    estimator, plan = Estimator(path, family="pretrained", precision="auto"), pretrained_plan(pretrained)
    estimator.learn(plan, images_per_second=10_000.0)
    seconds = estimator.trial_seconds(plan, make_identity(epochs=10), train=900, validation=300)
    assert seconds == pytest.approx(TRIAL_SECONDS + 10 * (900 + 300 / 3) / 10_000)
    assert estimator.features_seconds(plan, images=100) == 0.0  # nobody saw them computed: they were there


def test_features_have_a_speed_of_their_own_at_which_heads_are_estimated_before_one_was_trained(
    path, pretrained, make_identity
):
    estimator, plan = Estimator(path, family="pretrained", precision="auto"), pretrained_plan(pretrained)
    estimator.learn(plan, images_per_second=100.0, frozen=True)
    assert estimator.features_seconds(plan, images=500) == pytest.approx(5.0)
    assert estimator.macs_per_second is None
    assert estimator.head_macs_per_second == pytest.approx(100 * plan.frozen_macs / 3)


def test_networks_that_are_trained_whole_know_nothing_of_the_speed_of_heads(path, pretrained, plan, make_identity):
    estimator = Estimator(path, family="all", precision="auto")
    estimator.learn(pretrained_plan(pretrained), images_per_second=10_000.0)
    assert estimator.trial_seconds(plan, make_identity(), train=900, validation=300) is None
    estimator.learn(plan, images_per_second=100.0)
    assert estimator.macs_per_second == 100.0 * plan.forward_macs


def test_both_speeds_of_a_finished_trial_are_kept(path, pretrained, make_result):
    plan = pretrained_plan(pretrained)
    result = replace(make_result(images_per_second=10_000.0), features_seconds=20.0, features_images=1000)
    Estimator(path, family="pretrained", precision="auto").remember(plan, result)
    later = Estimator(path, family="pretrained", precision="auto")
    assert later.head_macs_per_second == 10_000.0 * plan.head_macs
    assert later.features_seconds(plan, images=1000) == pytest.approx(20.0)
    later.remember(plan, replace(result, features_seconds=0.0, features_images=0))
    assert later.features_seconds(plan, images=1000) == pytest.approx(20.0)


def test_a_study_computes_the_features_of_each_backbone_once(path, pretrained, make_identity):
    identity = make_identity(family="pretrained")
    estimator = Estimator(path, family="pretrained", precision="auto")
    vgg = pretrained_plan(pretrained)
    estimator.learn(vgg, images_per_second=100.0, frozen=True)
    estimator.learn(vgg, images_per_second=10_000.0)

    def of_study(wanted, done):
        return study_seconds(estimator, pretrained, identity, counts_of(pretrained, wanted, done))

    reported = [pretrained.from_dict(each.configuration).plan((28, 28, 1), 2) for each in pretrained.reported]
    first = estimator.trial_seconds(reported[0], identity, train=900, validation=300)
    assert of_study(1, 0) == pytest.approx(first + estimator.features_seconds(reported[0], images=900 + 2 * 300))
    by_backbone = {plan.backbone: plan for plan in reported}
    assert len(by_backbone) > 1
    all_features = sum(estimator.features_seconds(plan, images=1500) for plan in by_backbone.values())
    trials = sum(estimator.trial_seconds(plan, identity, train=900, validation=300) for plan in reported)
    assert of_study(len(reported), 0) == pytest.approx(trials + all_features)
    more = of_study(len(reported) + 1, 0) - of_study(len(reported), 0)
    assert of_study(1, len(reported)) == pytest.approx(more)
