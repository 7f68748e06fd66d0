"""The commands on the family `residual`, of which nothing was reported."""

import json

import pytest
from optuna.trial import TrialState, create_trial

from sweep.budget import Budget
from sweep.cli.options import Place
from sweep.cli.tables import next_steps
from sweep.standing import standing

TUNED = ("--family", "residual", "--dataset", "digits", "--limit", "40", "--epochs", "1")
TINY = (*TUNED, "--recipe", "report")
STUDY = "residual-quick"
CONFIG = {"family": "residual", "stem_filters": 16, "stem_kernel": 3, "stages": "3x16"}


def test_its_first_trials_wait_with_their_configurations(sweep, workplace):
    assert sweep("create", *TINY).code == 0
    trials = json.loads(sweep("trials", STUDY, "--json").out)
    assert [trial["state"] for trial in trials] == ["WAITING", "WAITING"]
    assert trials[0]["params"] == {name: value for name, value in CONFIG.items() if name != "family"}
    assert [trial["baseline"] for trial in trials] == [None, None]
    assert [trial["user_attrs"]["first_trial"] for trial in trials] == ["residual-resnet20", "residual-wide"]
    assert sweep("create", *TINY).code == 0
    assert len(json.loads(sweep("trials", STUDY, "--json").out)) == 2


def test_its_first_trials_are_trained_by_a_recipe_that_is_known_to_do_well(sweep, workplace):
    assert sweep("create", *TUNED).code == 0
    for trial in json.loads(sweep("trials", STUDY, "--json").out):
        assert (trial["params"]["schedule"], trial["params"]["batch_size"]) == ("one-cycle", 128)
        assert trial["params"]["augmentation"] == "shift"  # a digit's mirror image is none
        assert "flip_averaging" not in trial["params"]


def test_it_has_no_baselines(sweep, workplace):
    sweep("create", *TINY)
    outcome = sweep("baselines", STUDY, "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out) == []
    (row,) = [each for each in json.loads(sweep("families", "--json").out) if each["family"] == "residual"]
    assert row["reported"] == []
    assert row["parameters"].keys() == CONFIG.keys() - {"family"}


def test_a_configuration_of_it_is_enqueued_as_it_is_typed(sweep, workplace):
    sweep("create", *TINY)
    assert sweep("enqueue", STUDY, "stem_filters=64", "stem_kernel=5", "stages=1x48").code == 0
    assert json.loads(sweep("trials", STUDY, "--json").out)[-1]["params"]["stages"] == "1x48"
    outcome = sweep("enqueue", STUDY, "stem_filters=64", "stem_kernel=5", "stages=3x64")
    assert outcome.code == 2
    assert "3x64" in outcome.err
    assert "1x64" in outcome.err


@pytest.mark.parametrize("reported", [True, False])
def test_baselines_are_named_as_a_next_step_only_where_something_was_reported(tmp_path, reported):
    finished = create_trial(state=TrialState.COMPLETE, value=0.9)
    now = standing([finished], Budget(), {})
    steps = "\n".join(next_steps("residual", now, Place(home=tmp_path), reported=reported))
    assert "sweep export residual" in steps
    assert ("sweep baselines residual" in steps) == reported
