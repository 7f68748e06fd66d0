"""The reported experiments are complete, agree with themselves, and belong to their families."""

import math
from dataclasses import asdict

import pytest

from search_spaces import ReportedExperiment, find_space

EXPERIMENTS = find_space("all").reported
BY_ID = {experiment.id: experiment for experiment in EXPERIMENTS}


def accuracy_and_rmse(experiment: ReportedExperiment) -> tuple[float, float]:
    assert experiment.confusion_matrix is not None
    counts = [
        (true, predicted, count)
        for true, row in enumerate(experiment.confusion_matrix)
        for predicted, count in enumerate(row)
    ]
    images = sum(count for *_, count in counts)
    right = sum(count for true, predicted, count in counts if true == predicted)
    squares = sum(count * (predicted - true) ** 2 for true, predicted, count in counts)
    return right / images, math.sqrt(squares / images)


def test_the_report_has_nineteen_experiments_in_its_order():
    assert [experiment.id for experiment in EXPERIMENTS] == [
        *(f"isolated-{number}" for number in range(1, 11)),
        *(f"grouped-{number}" for number in range(1, 6)),
        *(f"pretrained-{number}" for number in range(1, 5)),
    ]


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_every_experiment_is_a_configuration_of_its_family_and_survives_the_round_trip(experiment):
    for space in (find_space(experiment.family), find_space("all")):
        configuration = space.from_dict(experiment.configuration)
        assert configuration.family == experiment.family
        assert space.from_params(space.to_params(configuration)) == configuration
        assert configuration.to_dict() == experiment.configuration


def test_no_two_experiments_are_the_same_configuration():
    space = find_space("all")
    assert len({space.from_dict(experiment.configuration) for experiment in EXPERIMENTS}) == 19


def test_known_rows_of_the_table_are_there():
    assert asdict(BY_ID["grouped-1"].metrics) == {
        "test_accuracy": 0.937,
        "test_loss": 0.2698,
        "precision": 0.94,
        "recall": 0.94,
        "f1": 0.94,
        "rmse": 0.978,
    }
    assert BY_ID["isolated-3"].configuration == {
        "family": "isolated",
        "conv_layers": 3,
        "l2": 0.001,
        "batch_norm": True,
        "dropout": 0.3,
    }
    assert BY_ID["grouped-4"].configuration["l2"] == 0.01  # its heading says 0.2; table and text say 0.01
    assert BY_ID["pretrained-4"].configuration["backbone"] == "resnet152_v2"


def test_every_printed_matrix_counts_a_thousand_images_of_each_class():
    printed = [experiment for experiment in EXPERIMENTS if experiment.confusion_matrix is not None]
    assert {experiment.id for experiment in EXPERIMENTS} - {e.id for e in printed} == {"isolated-2"}
    for experiment in printed:
        assert [sum(row) for row in experiment.confusion_matrix] == [1000] * len(experiment.labels)


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda experiment: experiment.id)
def test_the_table_agrees_with_the_matrix_except_where_an_alternative_says_so(experiment):
    if experiment.confusion_matrix is None:
        return
    accuracy, rmse = accuracy_and_rmse(experiment)
    for metric, computed, last_digit in (("test_accuracy", accuracy, 0.0001), ("rmse", rmse, 0.001)):
        alternative = experiment.alternative(metric)
        if alternative is not None:
            assert alternative.value == round(computed, 4)
            assert alternative.reason
        else:
            half = last_digit / 2 + 1e-9  # the table is rounded to this digit
            assert getattr(experiment.metrics, metric) == pytest.approx(computed, abs=half)


def test_only_two_experiments_have_a_second_value():
    assert {(e.id, a.metric, a.value) for e in EXPERIMENTS for a in e.alternatives} == {
        ("isolated-7", "test_accuracy", 0.9042),
        ("isolated-10", "rmse", 1.0153),
    }


def test_each_space_reports_its_own_families_only():
    assert {experiment.family for experiment in find_space("grouped").reported} == {"grouped"}
    assert len(find_space("all", without=["isolated"]).reported) == 9
