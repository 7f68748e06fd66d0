"""What is told of confirmations."""

import json
import statistics

import numpy as np
import pytest

from search_spaces import find_space
from sweep.confirming.bootstrap import bootstrap_difference
from sweep.confirming.full import epochs_of
from sweep.confirming.results import confirmations
from sweep.documents import to_json

Y_TEST = np.arange(20) % 10


def recognised(count):
    """True and predicted classes, of which so many are right."""
    return np.stack([Y_TEST, np.where(np.arange(20) < count, Y_TEST, (Y_TEST + 1) % 10)])


@pytest.fixture
def two_networks(study, add_confirmation):
    """One of the sampler's, and a reported experiment that is worse."""
    for seed, (good, bad) in zip((43, 44, 45), ((18, 9), (17, 10), (19, 8)), strict=True):
        add_confirmation(study, 12, seed, val=good / 20, test=good / 20, classes=recognised(good))
        add_confirmation(study, 3, seed, val=bad / 20, test=bad / 20, classes=recognised(bad), baseline="isolated-4")
    return study


def test_mean_and_sample_deviation_over_seeds_are_told(two_networks):
    best, reported = confirmations(two_networks)
    assert (best.trial, best.baseline, best.missing) == (12, None, ())
    assert (reported.trial, reported.baseline) == (3, "isolated-4")
    values = [0.9, 0.85, 0.95]
    for spread in (best.validation, best.test):
        assert spread.mean == pytest.approx(statistics.mean(values))
        assert spread.std == pytest.approx(statistics.stdev(values))
    assert best.config == {"family": "isolated", "l2": 12}


def test_the_difference_is_that_of_hits_on_the_same_images(two_networks):
    best, reported = confirmations(two_networks)
    hits = [np.arange(20) < np.array(counts)[:, None] for counts in ((18, 17, 19), (9, 10, 8))]
    assert best.difference == bootstrap_difference(*hits)
    assert best.difference.points == pytest.approx(45)
    assert best.against == "isolated-4"
    assert (reported.difference, reported.against) == (None, None)


def test_seeds_that_saw_other_test_images_are_not_compared(two_networks, add_confirmation):
    add_confirmation(two_networks, 12, 46, classes=[(Y_TEST + 3) % 10, Y_TEST])
    best = confirmations(two_networks)[0]
    assert len(best.seeds) == 4
    assert best.difference is None


def test_a_seed_whose_classes_were_not_kept_leaves_the_rest_uncompared_but_told(two_networks, add_confirmation):
    add_confirmation(two_networks, 12, 46, test=0.85)
    best = confirmations(two_networks)[0]
    assert len(best.seeds) == 4
    assert best.difference is None


def test_without_a_reported_experiment_there_is_nothing_to_compare_with(study, add_confirmation):
    for finalist in (1, 2):
        add_confirmation(study, finalist, 43, classes=recognised(10))
    assert [each.difference for each in confirmations(study)] == [None, None]


def test_all_are_compared_with_the_best_reported_experiment(study, add_confirmation):
    for finalist, val, name in ((1, 0.5, "isolated-2"), (2, 0.6, "isolated-3"), (3, 0.55, None)):
        named = {} if name is None else {"baseline": name}
        add_confirmation(study, finalist, 43, val=val, classes=recognised(finalist), **named)
    found = {each.trial: each for each in confirmations(study)}
    assert {number: each.against for number, each in found.items()} == {1: "isolated-3", 2: None, 3: "isolated-3"}
    assert found[1].difference.points < 0 < found[3].difference.points


def test_the_order_and_the_best_reported_experiment_come_from_validation_alone(study, add_confirmation):
    add_confirmation(study, 1, 43, val=0.9, test=0.1, classes=recognised(2), baseline="isolated-2")
    add_confirmation(study, 2, 43, val=0.8, test=0.9, classes=recognised(18), baseline="isolated-3")
    first, second = confirmations(study)
    assert (first.trial, first.difference) == (1, None)
    assert second.against == "isolated-2"


def test_a_single_seed_has_no_deviation(study, add_confirmation):
    add_confirmation(study, 1, 43, val=0.7, test=0.6)
    (only,) = confirmations(study)
    assert (only.validation.mean, only.validation.std, only.test.mean, only.test.std) == (0.7, None, 0.6, None)


@pytest.mark.parametrize("state", ["WAITING", "RUNNING", "FAIL"])
def test_seeds_that_have_no_result_are_missing(study, add_confirmation, state):
    add_confirmation(study, 1, 44)
    add_confirmation(study, 1, 43, state=state)
    (only,) = confirmations(study)
    assert [each.seed for each in only.seeds] == [44]
    assert only.missing == (43,)


def test_a_seed_that_was_tried_again_is_not_missing(study, add_confirmation):
    add_confirmation(study, 1, 43, state="FAIL")
    number = add_confirmation(study, 1, 43, val=0.7)
    (only,) = confirmations(study)
    assert only.missing == ()
    assert [(each.seed, each.trial, each.val_accuracy) for each in only.seeds] == [(43, number, 0.7)]


def test_a_finalist_without_any_result_is_not_told_of(study, add_confirmation):
    add_confirmation(study, 1, 43, state="FAIL")
    assert confirmations(study) == []


def test_trials_that_confirm_nothing_are_left_out(study, add_confirmation, add_trained):
    add_confirmation(study, 1, 43)
    add_trained(study, 0.99, enqueued=True, test_accuracy=0.99)
    assert [each.trial for each in confirmations(study)] == [1]


@pytest.mark.parametrize(("epochs", "median"), [((4, 9, 5), 5), ((4, 9), 6), ((1,), 1), ((7, 7, 2, 7), 7)])
def test_training_on_all_images_takes_the_median_of_the_best_epochs(study, add_confirmation, epochs, median):
    for seed, epoch in enumerate(epochs):
        add_confirmation(study, 1, seed, best_epoch=epoch)
    assert confirmations(study)[0].epochs == median


@pytest.mark.parametrize(("schedule", "epochs"), [("constant", 5), ("cosine", 20), ("one-cycle", 20)])
def test_a_rate_that_falls_until_the_last_epoch_is_trained_to_it_on_all_images(
    study, add_confirmation, make_identity, schedule, epochs
):
    add_confirmation(study, 1, 43, best_epoch=5)
    (found,) = confirmations(study)
    space = find_space("isolated", recipe="tuned")
    configuration = space.from_dict(space.reported[0].configuration | {"schedule": schedule})
    assert epochs_of(found, configuration, make_identity(epochs=20)) == epochs


def test_a_network_without_a_recipe_of_its_own_is_trained_to_its_best_epoch(study, add_confirmation, make_identity):
    add_confirmation(study, 1, 43, best_epoch=5)
    (found,) = confirmations(study)
    space = find_space("isolated")
    assert epochs_of(found, space.from_dict(space.reported[0].configuration), make_identity(epochs=50)) == 5


def test_what_was_taken_over_is_told(study, add_confirmation):
    add_confirmation(study, 1, 43, taken_over=True)
    add_confirmation(study, 1, 44, taken_over=False)
    assert [each.taken_over for each in confirmations(study)[0].seeds] == [True, False]


def test_the_document_is_plain_json(two_networks):
    document = json.loads(to_json([each.to_dict() for each in confirmations(two_networks)]))
    best, reported = document
    assert best["difference"].keys() == {"points", "low", "high", "distinguishable"}
    assert best["difference"]["distinguishable"] is True
    assert [seed["seed"] for seed in best["seeds"]] == [43, 44, 45]
    assert reported["difference"] is None
    assert "hits" not in best
