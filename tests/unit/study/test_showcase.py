import json

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from optuna_dashboard import get_note, save_note

from sweep import showcase
from sweep.identity import read_identity

BASELINE = {
    "baseline": "isolated-1",
    "quick_look": False,
    "test_accuracy": 0.92,
    "forward_macs": 118_580_736,
    "config": {"family": "isolated", "conv_layers": 3, "l2": None, "batch_norm": False, "dropout": None},
}


@pytest.fixture
def shown(our_study, space):
    """A study with a baseline, a pruned and a failed trial, shown; and how to show it again."""
    our_study.add_trials(
        [
            create_trial(state=TrialState.COMPLETE, value=0.93, user_attrs=BASELINE),
            create_trial(state=TrialState.PRUNED, value=0.5, user_attrs={"pruned_because": "pruned at epoch 3: 0.5"}),
            create_trial(
                state=TrialState.FAIL, user_attrs={"failure": "crash", "failure_message": "its `trainer` died"}
            ),
        ]
    )

    def show():
        showcase.refresh(our_study, space, read_identity(our_study))

    show()
    return our_study, show


def system_attributes(study):
    return study._storage.get_study_system_attrs(study._study_id)


def test_the_study_s_note_says_what_is_swept_and_what_came_of_it(shown):
    note = get_note(shown[0])
    assert "Family `isolated`" in note
    assert "**Best: trial 0** (isolated-1), 93.00%" in note
    assert "| isolated-1 | 91.90 | 92.00 | +0.10 | reproduced |" in note
    assert "| isolated-2 | 91.83 |  |  | not run |" in note
    assert "sweep export isolated" in note


def test_trials_that_ended_badly_say_why_in_a_note(shown):
    notes = [get_note(optuna.Trial(shown[0], trial._trial_id)) for trial in shown[0].get_trials()]
    assert notes == ["", "Pruned at epoch 3: 0.5.", "Failed (crash): `its 'trainer' died`"]


def test_a_note_that_a_person_wrote_to_a_trial_stays(shown):
    study, show = shown
    trial = optuna.Trial(study, study.get_trials()[2]._trial_id)
    save_note(trial, "the cleaner pulled the plug")
    show()
    assert get_note(trial) == "the cleaner pulled the plug"


def test_what_did_not_change_is_not_written_again(shown):
    study, show = shown
    version = system_attributes(study)["dashboard:note_ver"]
    show()
    assert system_attributes(study)["dashboard:note_ver"] == version


def test_the_plots_hold_every_experiment_and_its_cost(shown):
    attributes = system_attributes(shown[0])
    cost = json.loads(attributes["dashboard:plot_data:accuracy-against-cost:0"])
    here, said = (trace for trace in cost["data"] if trace.get("text") and "isolated-1" in trace["text"][0])
    assert here["x"] == said["x"]
    assert "dashboard:plot_data:reported-against-reproduced:0" in attributes


def test_a_study_in_which_nothing_ended_has_a_note_and_no_plot(our_study, space):
    showcase.refresh(our_study, space, read_identity(our_study))
    assert "0 of 20 trials finished" in get_note(our_study)
    assert not [key for key in system_attributes(our_study) if "plot" in key]
