import json

import pytest
from optuna.trial import TrialState

from sweep.budget import BudgetChange, change_budget
from sweep.counted import LoadedStudy
from sweep.documents import RUNNING_LISTED, status_document, study_document, to_json, trial_documents
from sweep.queueing import enqueue_experiments
from sweep.runs import record_end
from sweep.standing import End


def as_json(document):
    return json.loads(to_json(document))


@pytest.fixture
def documents(our_study, space):
    return lambda: as_json(trial_documents(our_study, space))


@pytest.fixture
def drawn(our_study, space):
    """A running trial with parameters."""

    def draw():
        trial = our_study.ask()
        trial.set_user_attr("config", space.suggest(trial).to_dict())
        return trial

    return draw


def test_a_waiting_trial_shows_what_it_will_train(our_study, space, documents):
    enqueue_experiments(our_study, space)
    first = documents()[0]
    configuration = space.from_dict(space.reported[0].configuration)
    assert first["state"] == "WAITING"
    assert first["baseline"] == "isolated-1"
    assert first["params"] == space.to_params(configuration)
    assert first["config"] == configuration.to_dict()
    assert (first["value"], first["datetime_start"], first["attempt"], first["retry_of"]) == (None, None, 1, None)


def test_without_its_family_a_waiting_trial_has_parameters_but_no_configuration(our_study, space):
    enqueue_experiments(our_study, space)
    first = trial_documents(our_study, None)[0]
    assert first["params"]
    assert first["config"] is None


def test_a_trial_that_was_lost_with_some_of_its_parameters_has_no_configuration(our_study, documents):
    our_study.ask().suggest_categorical("conv_layers", (3, 4))
    assert documents()[0]["config"] is None


def test_states_are_spelled_as_optuna_spells_them(our_study, drawn, documents):
    our_study.tell(drawn(), 0.9)
    pruned = drawn()
    pruned.report(0.4, step=1)
    our_study.tell(pruned, state=TrialState.PRUNED)
    our_study.tell(drawn(), state=TrialState.FAIL)
    drawn()
    our_study.enqueue_trial({})
    listed = documents()
    assert [trial["number"] for trial in listed] == [0, 1, 2, 3, 4]
    assert [trial["state"] for trial in listed] == ["COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING"]
    assert [trial["value"] for trial in listed] == [0.9, 0.4, None, None, None]


def test_a_trial_that_was_cut_off_tells_its_epochs_too(our_study, drawn, documents):
    cut = drawn()
    for epoch in (1, 2, 3):
        cut.report(0.5, step=epoch)
    our_study.tell(cut, state=TrialState.FAIL)
    our_study.enqueue_trial({})
    assert [trial["epochs"] for trial in documents()] == [3, 0]


def test_numbers_that_json_does_not_know_are_null(our_study, drawn, documents):
    trial = drawn()
    trial.set_user_attr("history", {"epoch": [1, 2], "val_loss": [0.5, float("nan")]})
    trial.set_user_attr("val_loss", float("inf"))
    attributes = documents()[0]["user_attrs"]
    assert attributes["history"] == {"epoch": [1, 2], "val_loss": [0.5, None]}
    assert attributes["val_loss"] is None


def test_a_study_is_one_row(our_study, space, drawn):
    our_study.tell(drawn(), 0.9)
    enqueue_experiments(our_study, space)
    assert as_json(study_document(LoadedStudy(our_study))) == {
        "study": "isolated",
        "family": "isolated",
        "complete": 1,
        "pruned": 0,
        "running": 0,
        "waiting": len(space.reported),
        "failed": 0,
    }


def test_the_status_has_the_budget_and_the_best_trial(our_study, drawn):
    change_budget(our_study, BudgetChange(trials=2, until=0.95))
    our_study.tell(drawn(), 0.8)
    drawn()
    status = as_json(status_document(LoadedStudy(our_study)))
    assert (status["trials_wanted"], status["until"], status["trial_timeout"]) == (2, 0.95, None)
    assert status["best"] == {"number": 0, "value": 0.8}
    assert status["ended"] is None
    assert status["quick_look"] is False
    assert status["identity"]["seed"] == 43


def test_the_status_tells_why_a_study_ended(our_study, drawn):
    change_budget(our_study, BudgetChange(trials=2))
    record_end(our_study, End.STOPPED)
    assert as_json(status_document(LoadedStudy(our_study)))["ended"] == "stopped"
    our_study.tell(drawn(), 0.8)
    our_study.tell(drawn(), 0.8)
    assert as_json(status_document(LoadedStudy(our_study)))["ended"] == "trials"


def test_a_study_of_another_tool_can_be_shown(study):
    study.tell(study.ask(), 0.5)
    status = as_json(status_document(LoadedStudy(study)))
    assert (status["family"], status["quick_look"], status["identity"]) == (None, None, None)
    assert as_json(trial_documents(study, None))[0]["config"] is None


def test_the_status_counts_trials_by_what_trained_them(our_study, drawn):
    for host, policy in (("box-1", "mixed_bfloat16"), ("box-2", "float32"), ("box-1", "mixed_bfloat16")):
        trial = drawn()
        attributes = {"host": host, "dtype_policy": policy, "backend": "tensorflow", "device": "cpu"}
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        our_study.tell(trial, 0.5)
    alike = {"backend": "tensorflow", "device": "cpu"}
    assert as_json(status_document(LoadedStudy(our_study)))["precisions"] == [
        {"host": "box-1", "dtype_policy": "mixed_bfloat16", "trials": 2, **alike},
        {"host": "box-2", "dtype_policy": "float32", "trials": 1, **alike},
    ]


def test_the_status_describes_some_of_the_running_trials_and_counts_all(our_study, drawn):
    first = drawn()
    first.report(0.25, step=1)
    first.report(0.5, step=2)
    for _ in range(RUNNING_LISTED):
        our_study.ask()
    status = as_json(status_document(LoadedStudy(our_study)))
    assert (status["running"], len(status["running_trials"])) == (RUNNING_LISTED + 1, RUNNING_LISTED)
    described, undrawn = status["running_trials"][:2]
    assert (described["number"], described["epoch"], described["value"]) == (0, 2, 0.5)
    assert described["title"].startswith("conv_layers=")
    assert undrawn == {"number": 1, "title": "not drawn yet", "epoch": None, "value": None}
