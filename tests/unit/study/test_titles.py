import pytest

from sweep.titles import describe, format_value, title_of

CONFIG = {"family": "isolated", "conv_layers": 3, "l2": 0.0012345, "batch_norm": True, "dropout": None}


def test_a_baseline_is_called_as_the_report_calls_it():
    assert title_of({"baseline": "isolated-3"}, CONFIG) == "isolated-3"


def test_another_trial_is_called_by_its_configuration():
    assert title_of({"baseline": None}, CONFIG) == "conv_layers=3 l2=0.00123 batch_norm=on dropout=off"
    assert describe(CONFIG) == title_of({}, CONFIG)


def test_a_confirmation_is_called_by_its_seed_too():
    assert title_of({"baseline": "isolated-3", "confirms": 2, "seed": 44}, CONFIG) == "isolated-3, seed 44"
    assert title_of({"confirms": 0, "seed": 45}, CONFIG) == f"{describe(CONFIG)}, seed 45"
    assert title_of({"baseline": "isolated-3", "seed": 43}, CONFIG) == "isolated-3"


def test_a_trial_without_parameters_says_so():
    assert title_of({}, None) == "not drawn yet"


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "on"), (False, "off"), (None, "off"), (0.5, "0.5"), (1e-4, "0.0001"), (3, "3"), (1000, "1000"), ("v", "v")],
)
def test_values_are_short(value, text):
    assert format_value(value) == text
