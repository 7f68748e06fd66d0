"""A reported experiment meets the report, misses it, or says why that cannot be told."""

import json
import math
from dataclasses import asdict

import optuna
import pytest
from optuna.trial import TrialState
from scipy.stats import spearmanr

from search_spaces import find_space
from sweep.baseline_notes import REPORTED_SHA256
from sweep.baselines import TOLERANCE, Verdict, compare, rank_correlation, why_nothing
from sweep.data.dataset import DataReference, load_dataset
from sweep.documents import to_json
from sweep.errors import UsageError
from sweep.failures import FailureKind
from sweep.identity import ATTRIBUTE
from sweep.queueing import enqueue_experiments, requeue
from sweep.recipe import RECIPES, Recipe
from sweep.worker.ledger import write_failure, write_repeat

TABLE, MATRIX = 0.9188, 0.9042  # what the report says of isolated-7
FAMILY = """
from dataclasses import dataclass
from typing import ClassVar
from search_spaces import Configuration, Dense, Flatten, LayerPlan, Optional, Uniform, parameter

@dataclass(frozen=True, kw_only=True)
class Plain(Configuration):
    family: ClassVar[str] = "plain"
    l2: float | None = parameter(Optional(Uniform(0.1, 0.2)))

    def plan(self, image_shape, classes):
        softmax = Dense(units=classes, activation="softmax")
        return LayerPlan(image_shape=image_shape, classes=classes, layers=(Flatten(), softmax))
"""
IDS = [f"isolated-{number}" for number in range(1, 11)]


@pytest.fixture
def make_study(make_identity):
    """A study that sweep made, with its reported experiments waiting."""

    def make(**changes):
        identity = make_identity(**changes)
        study = optuna.create_study(direction="maximize")
        study.set_user_attr(ATTRIBUTE, identity.to_dict())
        enqueue_experiments(study, find_space(identity.family, without=identity.without))
        return study

    return make


def measures(accuracy, **others):
    return {f"test_{name}": value for name, value in {"accuracy": accuracy, **others}.items()}


def run(study, baseline, accuracy, **attributes):
    """Add a complete trial of an experiment."""
    add(study, baseline, TrialState.COMPLETE, 0.9, **measures(accuracy), **attributes)


def add(study, baseline, state, value=None, **attributes):
    study.add_trial(
        optuna.trial.create_trial(state=state, value=value, user_attrs={"baseline": baseline, **attributes})
    )


def row(study, baseline, **settings):
    return next(each for each in compare(study, **settings) if each.id == baseline)


def latest(study):
    return study.get_trials()[-1].number


def test_before_anything_ran_every_experiment_waits_with_what_was_reported(make_study, space):
    rows = compare(make_study())
    assert [each.id for each in rows] == IDS
    assert {each.verdict for each in rows} == {Verdict.NOT_RUN}
    assert [(each.trial, each.state) for each in rows] == [(number, "WAITING") for number in range(10)]
    for each, experiment in zip(rows, space.reported, strict=True):
        assert each.reported == experiment.metrics
        assert each.configuration == experiment.configuration
        assert (each.reproduced, each.difference, each.failure, each.notes) == (None, None, None, ())


def test_a_finished_experiment_shows_all_its_test_metrics(make_study):
    study = make_study()
    metrics = measures(0.92, loss=0.25, precision=0.91, recall=0.93, f1=0.94, rmse=1.1)
    add(study, "isolated-1", TrialState.COMPLETE, 0.5, **metrics, val_accuracy=0.5)
    found = row(study, "isolated-1")
    assert asdict(found.reproduced) == {
        "test_accuracy": 0.92,
        "test_loss": 0.25,
        "precision": 0.91,
        "recall": 0.93,
        "f1": 0.94,
        "rmse": 1.1,
    }
    assert (found.trial, found.state) == (latest(study), "COMPLETE")


def test_metrics_that_were_not_recorded_are_missing_without_a_word(make_study):
    study = make_study()
    run(study, "isolated-1", 0.919)
    found = row(study, "isolated-1")
    assert (found.verdict, found.reproduced.test_loss, found.reproduced.rmse) == (Verdict.REPRODUCED, None, None)


@pytest.mark.parametrize(
    ("accuracy", "difference", "verdict"),
    [
        (0.919, 0, "reproduced"),
        (0.924, 0.5, "reproduced"),  # 0.924 - 0.919 is more than 0.005 in binary
        (0.914, -0.5, "reproduced"),
        (0.9241, 0.51, "better"),
        (0.9139, -0.51, "worse"),
        (1.0, 8.1, "better"),
        (0.0, -91.9, "worse"),
    ],
)
def test_the_verdict_is_that_of_half_a_point_either_way(make_study, accuracy, difference, verdict):
    study = make_study()
    run(study, "isolated-1", accuracy)  # reported: 0.919
    found = row(study, "isolated-1")
    assert (found.difference, found.verdict) == (difference, verdict)


def test_an_accuracy_that_was_kept_in_float32_is_judged_like_any_other(make_study):
    study = make_study()
    run(study, "isolated-1", 0.9240000247955322)
    assert row(study, "isolated-1").verdict == "reproduced"


@pytest.mark.parametrize(
    ("tolerance", "verdict"), [(0, "better"), (0.09, "better"), (0.1, "reproduced"), (100, "reproduced")]
)
def test_the_tolerance_can_be_chosen(make_study, tolerance, verdict):
    study = make_study()
    run(study, "isolated-1", 0.92)
    assert row(study, "isolated-1", tolerance=tolerance).verdict == verdict


@pytest.mark.parametrize("tolerance", [-0.1, 100.1, math.nan, math.inf, -math.inf])
def test_a_tolerance_that_makes_no_sense_is_refused(study, tolerance):
    with pytest.raises(UsageError, match=rf"0 and 100 percentage points.*Received: {tolerance}.*{TOLERANCE}"):
        compare(study, tolerance=tolerance)


@pytest.mark.parametrize(
    ("accuracy", "verdict", "met", "said"),
    [
        (0.9188, "reproduced", (TABLE,), "Meets 0.9188, not 0.9042"),
        (0.9138, "reproduced", (TABLE,), "Meets 0.9188, not 0.9042"),
        (0.9042, "reproduced", (MATRIX,), "Meets 0.9042, not 0.9188"),
        (0.9092, "reproduced", (MATRIX,), "Meets 0.9042, not 0.9188"),
        (0.9115, "between", (), "Between"),
        (0.9239, "better", (), "Above"),
        (0.8991, "worse", (), "Below"),
    ],
)
def test_isolated_7_is_held_against_both_of_its_values(make_study, accuracy, verdict, met, said):
    study = make_study()
    run(study, "isolated-7", accuracy)
    found = row(study, "isolated-7")
    assert found.verdict == verdict
    (second,) = found.alternatives
    assert (second.metric, second.value, second.met) == ("test_accuracy", MATRIX, met)
    assert found.difference == pytest.approx(100 * (accuracy - TABLE))
    (note,) = found.notes
    assert note.startswith(said)
    assert str(TABLE) in note
    assert str(MATRIX) in note


def test_a_wide_tolerance_can_meet_both_values(make_study):
    study = make_study()
    run(study, "isolated-7", 0.9115)
    found = row(study, "isolated-7", tolerance=1)
    assert (found.verdict, found.alternatives[0].met) == ("reproduced", (TABLE, MATRIX))
    assert found.notes == ("Meets both reported values, 0.9188 and 0.9042.",)


def test_only_test_accuracy_is_judged(make_study):
    study = make_study()
    add(study, "isolated-10", TrialState.COMPLETE, 0.9, **measures(0.9263, rmse=3.0))
    found = row(study, "isolated-10")
    assert found.verdict == "reproduced"
    (second,) = found.alternatives
    assert (second.metric, second.value, second.met) == ("rmse", 1.0153, None)


@pytest.mark.parametrize("terms", [{"limit": 40}, {"epochs": 49}], ids=["fewer images", "fewer epochs"])
def test_a_quick_look_shows_its_difference_and_gets_no_verdict(make_study, terms):
    study = make_study(**terms)
    run(study, "isolated-1", 0.919)
    run(study, "isolated-7", 0.9042)
    found = row(study, "isolated-1")
    assert (found.verdict, found.difference, found.notes) == ("quick look", 0, ())
    assert row(study, "isolated-7").verdict == "quick look"
    assert row(study, "isolated-7").alternatives[0].met is None
    assert row(study, "isolated-2").verdict == "not run"


def test_a_trial_that_says_it_was_a_quick_look_gets_no_verdict(make_study):
    study = make_study()
    run(study, "isolated-1", 0.919, quick_look=True)
    run(study, "isolated-2", 0.9183, quick_look=False)
    assert [each.verdict for each in compare(study)[:2]] == ["quick look", "reproduced"]


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"dataset": "digits", "dataset_sha256": "d161"}, "images are digits, the report's Fashion-MNIST"),
        ({"image_shape": (56, 56, 1), "image_size": 56}, "images are Fashion-MNIST in 56x56x1, the report's 28x28x1"),
        ({"image_shape": (28, 28, 3), "color": True}, "images are Fashion-MNIST in 28x28x3, the report's 28x28x1"),
    ],
    ids=["digits", "larger", "in colour"],
)
def test_on_other_images_an_experiment_is_a_starting_point(make_study, terms, said):
    study = make_study(**terms)
    run(study, "isolated-1", 0.919)
    run(study, "isolated-7", 0.9042)
    for each in compare(study):
        assert said in each.notes[0]
        assert each.notes[0].endswith("a starting point, without a verdict.")
    assert [row(study, name).verdict for name in ("isolated-1", "isolated-7")] == [None, None]
    assert row(study, "isolated-2").verdict == "not run"
    assert row(study, "isolated-7").alternatives[0].met is None


def test_a_quick_look_on_other_images_is_a_quick_look(make_study):
    study = make_study(dataset="digits", dataset_sha256="d161", limit=40)
    run(study, "isolated-1", 0.919)
    found = row(study, "isolated-1")
    assert found.verdict == "quick look"
    assert "digits" in found.notes[0]


def test_the_report_s_images_are_known_wherever_they_lie(make_study, fashion_mnist_cache):
    dataset = load_dataset(DataReference(cache_dir=fashion_mnist_cache))
    assert dataset.sha256 == REPORTED_SHA256
    study = make_study(dataset="/data/fashion.npz", dataset_sha256=dataset.sha256)
    run(study, "isolated-1", 0.919)
    assert row(study, "isolated-1").verdict == "reproduced"


@pytest.mark.parametrize("weights", ["none", "files 0123456789ab"])
def test_a_backbone_without_imagenet_s_weights_is_no_reproduction(make_study, weights):
    study = make_study(family="all", weights=weights)
    run(study, "pretrained-1", 0.8806)
    run(study, "grouped-1", 0.937)
    found = row(study, "pretrained-1")
    assert found.verdict is None
    assert f"'{weights}'" in found.notes[0]
    assert (row(study, "grouped-1").verdict, row(study, "grouped-1").notes) == ("reproduced", ())


def test_a_backbone_with_imagenet_s_weights_is_judged(make_study):
    study = make_study(family="pretrained", weights="imagenet")
    run(study, "pretrained-1", 0.8806)
    assert row(study, "pretrained-1").verdict == "reproduced"


def test_another_recipe_is_no_reproduction(make_study, monkeypatch):
    monkeypatch.setitem(RECIPES, "other", Recipe(name="other", epochs=50, patience=5, batch_size=128))
    study = make_study(recipe="other")
    run(study, "isolated-1", 0.919)
    assert row(study, "isolated-1").verdict is None
    assert "recipe is 'other'" in row(study, "isolated-1").notes[0]


def test_a_pruned_experiment_was_not_run_whatever_it_carries(make_study):
    study = make_study()
    add(study, "isolated-1", TrialState.PRUNED, **measures(0.919))
    found = row(study, "isolated-1")
    assert (found.verdict, found.reproduced, found.state) == ("not run", None, "PRUNED")
    assert found.notes == (f"Trial {latest(study)} was pruned and never saw the test images.",)


@pytest.mark.parametrize("accuracy", [None, "0.919", True, math.nan, math.inf])
def test_a_complete_trial_without_a_test_accuracy_was_not_run(make_study, accuracy):
    study = make_study()
    run(study, "isolated-1", accuracy)
    found = row(study, "isolated-1")
    assert (found.verdict, found.reproduced, found.state) == ("not run", None, "COMPLETE")
    assert found.notes == (f"Trial {latest(study)} is complete, but has no test accuracy.",)


def test_an_experiment_that_the_study_does_not_hold_was_not_run(our_study):
    found = row(our_study, "isolated-1")
    assert (found.verdict, found.trial, found.state) == ("not run", None, None)
    assert "sweep start" in found.notes[0]


def test_a_failed_experiment_tells_its_failure(make_study):
    study = make_study()
    trial = study.ask()
    write_failure(study, trial, FailureKind.MEMORY, "out of memory in Dense.\n  File trainer")
    found = row(study, "isolated-1")
    assert (found.verdict, found.trial, found.state, found.failure) == ("not run", 0, "FAIL", "memory")
    assert found.notes == ("Trial 0 failed: memory - out of memory in Dense.",)


def test_a_trial_that_another_tool_failed_has_failed(make_study):
    study = make_study()
    study.tell(study.ask(), state=TrialState.FAIL)
    found = row(study, "isolated-1")
    assert (found.state, found.failure, found.notes) == ("FAIL", None, ("Trial 0 failed.",))


def test_of_a_retried_experiment_the_finished_attempt_counts(make_study):
    study = make_study()
    trial = study.ask()
    requeue(study, study.get_trials()[0], FailureKind.CRASH, max_retries=2)
    write_failure(study, trial, FailureKind.CRASH, "signal 11")
    waits = row(study, "isolated-1")
    assert (waits.verdict, waits.trial, waits.state, waits.failure) == ("not run", 10, "WAITING", None)
    assert waits.notes == ("Trial 0 failed: crash - signal 11. Trial 10 waits in its place.",)
    run(study, "isolated-1", 0.919)
    found = row(study, "isolated-1")
    assert (found.verdict, found.trial, found.failure, found.notes) == ("reproduced", latest(study), None, ())


def test_a_retry_that_runs_says_what_came_before(make_study):
    study = make_study()
    add(study, "isolated-1", TrialState.FAIL, failure="interrupted", failure_message="its worker died")
    add(study, "isolated-1", TrialState.RUNNING)
    found = row(study, "isolated-1")
    assert found.state == "RUNNING"
    assert found.notes == ("Trial 10 failed: interrupted - its worker died. Trial 11 runs in its place.",)


def test_a_trial_that_repeats_an_earlier_one_counts_with_what_it_copied(make_study):
    study = make_study()
    add(study, None, TrialState.COMPLETE, 0.9, **measures(0.919, rmse=1.1), quick_look=False)
    earlier = study.get_trials()[-1]
    write_repeat(study, study.ask(), earlier)  # what waits first is isolated-1
    found = row(study, "isolated-1")
    assert (found.verdict, found.trial, found.reproduced.rmse) == ("reproduced", 0, 1.1)
    assert found.notes == ("Trial 0 repeats trial 10 and carries what that one measured.",)


def test_of_several_finished_trials_the_first_by_number_counts(make_study):
    study = make_study()
    run(study, "isolated-1", 0.5)
    run(study, "isolated-1", 0.919)
    found = row(study, "isolated-1")
    assert (found.trial, found.verdict) == (10, "worse")
    assert found.notes == ("Trial 10 counts; measured again by trial 11.",)


def test_a_study_of_all_families_has_all_nineteen(make_study):
    rows = compare(make_study(family="all", weights="imagenet"))
    assert len(rows) == 19
    assert {each.family for each in rows} == {"isolated", "grouped", "pretrained"}
    assert len(compare(make_study(family="all", without=("isolated",), weights="imagenet"))) == 9


def test_nothing_was_reported_for_a_study_of_another_tool(study):
    study.tell(study.ask(), 0.5)
    assert compare(study) == ()
    assert "not made by sweep" in why_nothing(study)


def test_a_family_that_is_not_installed_here_is_named(study, make_identity):
    study.set_user_attr(ATTRIBUTE, make_identity(family="wide").to_dict())
    assert compare(study) == ()
    assert "'wide'" in why_nothing(study)
    assert "install" in why_nothing(study)


def test_a_family_without_reported_experiments_has_nothing_to_compare(study, make_identity, tmp_path, monkeypatch):
    (tmp_path / "plain.py").write_text(FAMILY)
    (tmp_path / "plain-1.0.dist-info").mkdir()
    (tmp_path / "plain-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plain\nVersion: 1.0\n")
    (tmp_path / "plain-1.0.dist-info" / "entry_points.txt").write_text("[sweep.search_spaces]\nplain = plain:Plain\n")
    monkeypatch.syspath_prepend(tmp_path)
    study.set_user_attr(ATTRIBUTE, make_identity(family="plain").to_dict())
    assert compare(study) == ()
    assert why_nothing(study) == "No experiments were reported for family 'plain': there is nothing to compare."


def test_a_document_is_plain_json(make_study):
    study = make_study()
    add(study, "isolated-7", TrialState.COMPLETE, 0.9, **measures(MATRIX, loss=math.inf))
    document = json.loads(to_json(row(study, "isolated-7").to_dict()))
    assert document.keys() == {
        "id",
        "family",
        "configuration",
        "reported",
        "reproduced",
        "difference",
        "verdict",
        "trial",
        "state",
        "failure",
        "alternatives",
        "note",
    }
    assert document["verdict"] == "reproduced"
    assert document["reported"]["test_accuracy"] == TABLE
    assert document["reproduced"]["test_loss"] is None
    assert document["alternatives"][0]["met"] == [MATRIX]
    assert document["note"].startswith("Meets 0.9042")
    waiting = row(study, "isolated-1").to_dict()
    assert (waiting["reproduced"], waiting["difference"], waiting["note"]) == (None, None, None)


def test_the_report_s_own_order_has_a_rank_correlation_of_one(make_study, space):
    study = make_study()
    for experiment in space.reported:
        run(study, experiment.id, experiment.metrics.test_accuracy / 2)
    assert rank_correlation(compare(study)) == pytest.approx(1)


def test_the_opposite_order_has_a_rank_correlation_of_minus_one(make_study, space):
    study = make_study()
    for experiment in space.reported:
        run(study, experiment.id, 1 - experiment.metrics.test_accuracy)
    assert rank_correlation(compare(study)) == pytest.approx(-1)


def test_equal_accuracies_share_their_rank(make_study, space):
    study = make_study()
    accuracies = [0.91, 0.92, 0.92, 0.92, 0.9, 0.95, 0.9, 0.94]
    for experiment, accuracy in zip(space.reported, accuracies, strict=False):
        run(study, experiment.id, accuracy)
    reported = [experiment.metrics.test_accuracy for experiment in space.reported[: len(accuracies)]]
    assert rank_correlation(compare(study)) == pytest.approx(spearmanr(reported, accuracies).statistic)


def test_a_rank_correlation_needs_three_experiments(make_study):
    study = make_study()
    run(study, "isolated-1", 0.91)
    run(study, "isolated-2", 0.92)
    assert rank_correlation(compare(study)) is None
    run(study, "isolated-3", 0.93)
    assert rank_correlation(compare(study)) == pytest.approx(0.5)


def test_without_any_order_there_is_no_rank_correlation(make_study, space):
    study = make_study()
    for experiment in space.reported:
        run(study, experiment.id, 0.1)
    assert rank_correlation(compare(study)) is None
