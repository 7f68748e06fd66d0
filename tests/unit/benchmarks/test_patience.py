"""Which epoch another patience would have kept, and what that says about the report's."""

import pytest
from patience import kept, section

RISING_TWICE = (0.80, 0.90, 0.89, 0.90, 0.88, 0.91, 0.90, 0.90, 0.90)


@pytest.mark.parametrize(("patience", "epoch"), [(1, 2), (2, 2), (3, 2), (4, 6), (5, 6)])
def test_a_shorter_patience_keeps_the_best_before_it_ran_out(patience, epoch):
    assert kept(RISING_TWICE, patience) == epoch


def test_a_training_that_ended_while_it_rose_is_kept_to_its_end():
    assert kept((0.8, 0.85, 0.9), 1) == 3
    assert kept((0.8,), 5) == 1


@pytest.fixture
def curve(make_training):
    losses = (0.50, 0.23, 0.26, 0.27, 0.28, 0.35, 0.40, 0.41, 0.42)
    return make_training("isolated-1", 43, 0.92, val_accuracies=RISING_TWICE, val_losses=losses)


def test_each_patience_has_the_epoch_it_would_have_kept(curve):
    lines = section([curve])
    kept_early, kept_late = "2: 90.00, 0.230", "6: 91.00, 0.350"
    assert f"| isolated-1 | 43 | 0.229 | {' | '.join([kept_early] * 3 + [kept_late] * 2)} |" in lines


def test_the_losses_distance_from_the_reports_is_a_mean_over_trainings(curve, make_training):
    other = make_training("isolated-3", 43, 0.92, val_accuracies=(0.8, 0.7), val_losses=(0.4229, 0.5))
    assert section([curve])[-1] == "| mean distance of the losses | | | 0.001 | 0.001 | 0.001 | 0.121 | 0.121 |"
    assert section([curve, other])[-1].endswith("| 0.001 | 0.001 | 0.001 | 0.061 | 0.061 |")
