"""A study of some of the reported experiments only."""

import json

import pytest

TERMS = ("--dataset", "digits", "--limit", "40", "--epochs", "1")
STUDY = "isolated-quick"


def waiting(sweep):
    return [trial["baseline"] for trial in json.loads(sweep("trials", STUDY, "--json").out)]


def test_only_they_wait_and_without_a_choice_the_others_too(sweep, workplace):
    chosen = ("--experiment", "isolated-6", "--experiment", "isolated-3")
    assert sweep("create", "--family", "isolated", *TERMS, *chosen).code == 0
    assert waiting(sweep) == ["isolated-3", "isolated-6"]
    assert sweep("create", "--family", "isolated", *TERMS, *chosen).code == 0
    assert waiting(sweep) == ["isolated-3", "isolated-6"]
    assert sweep("create", "--family", "isolated", *TERMS).code == 0
    assert sorted(waiting(sweep)) == sorted(f"isolated-{number}" for number in range(1, 11))


def test_a_published_network_can_be_chosen_too(sweep, workplace):
    assert sweep("create", "--family", "residual", *TERMS, "--experiment", "residual-wide").code == 0
    (trial,) = json.loads(sweep("trials", "residual-quick", "--json").out)
    assert trial["user_attrs"]["first_trial"] == "residual-wide"


@pytest.mark.parametrize(
    ("family", "name", "said"),
    [
        ("isolated", "isolated-66", "Did you mean 'isolated-6'?"),
        ("isolated", "grouped-1", "Known: isolated-1, isolated-2"),
        ("residual", "isolated-1", "Known: residual-resnet20, residual-wide"),
    ],
)
def test_an_unknown_experiment_is_refused_with_the_known_ones(sweep, workplace, family, name, said):
    outcome = sweep("create", "--family", family, *TERMS, "--experiment", name)
    assert outcome.code == 2
    assert f"No experiment named '{name}'." in outcome.err
    assert said in outcome.err
    assert json.loads(sweep("studies", "--json").out) == []
