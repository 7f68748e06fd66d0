"""Trainings of reported experiments: from studies, and from the table that several machines fill."""

from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from trainings import gathered, read_table, trainings, write_table

from search_spaces import find_space
from sweep.identity import ATTRIBUTE
from sweep.queueing import enqueue_experiments
from tests.identities import make_identity

MEASURED = {
    "test_accuracy": 0.92,
    "test_loss": 0.3,
    "test_precision": 0.921,
    "test_recall": 0.919,
    "test_f1": 0.9195,
    "test_rmse": 1.05,
    "val_accuracy": 0.93,
    "history": {"val_accuracy": [0.9, 0.93, 0.91], "val_loss": [0.4, 0.25, 0.3]},
    "best_epoch": 2,
    "epochs_run": 3,
    "train_seconds": 1800.5,
    "dtype_policy": "mixed_bfloat16",
    "backend": "tensorflow",
    "device": "cpu",
    "versions": {"keras": "3.15.1", "tensorflow": "2.21.0"},
    "git_commit": None,
    "trainable_parameters": 3_549_834,
}


@pytest.fixture
def make_study():
    def make(runs, **changes):
        """A study of `isolated` that ran (experiment, seed)."""
        study = optuna.create_study(direction="maximize")
        study.set_user_attr(ATTRIBUTE, make_identity(**changes).to_dict())
        enqueue_experiments(study, find_space("isolated"))
        for name, seed in runs:
            attributes = MEASURED | {"baseline": name, "seed": seed}
            study.add_trial(create_trial(state=TrialState.COMPLETE, value=0.93, user_attrs=attributes))
        return study

    return make


def names_of(found):
    return [(each.experiment, each.seed) for each in found]


def test_a_training_is_told_as_the_trial_measured_it(make_study):
    (found,) = trainings(make_study([("isolated-3", 44)]), machine="2 cores")
    assert {name: getattr(found, name) for name in MEASURED if name.startswith("test_")} == {
        name: value for name, value in MEASURED.items() if name.startswith("test_")
    }
    assert (found.experiment, found.seed, found.machine, found.git_commit) == ("isolated-3", 44, "2 cores", "")
    assert (found.val_accuracies, found.val_losses) == ((0.9, 0.93, 0.91), (0.4, 0.25, 0.3))
    assert found.trained_with == "mixed_bfloat16 on a CPU, keras 3.15.1, tensorflow 2.21.0"


def test_what_did_not_end_or_was_searched_is_none(make_study):
    study = make_study([])
    study.add_trial(create_trial(state=TrialState.COMPLETE, value=0.93, user_attrs=MEASURED))
    study.add_trial(create_trial(state=TrialState.FAIL, user_attrs={"baseline": "isolated-1", "seed": 43}))
    assert trainings(study, machine="2 cores") == []


@pytest.mark.parametrize(
    "terms",
    [{"limit": 700}, {"dataset": "digits", "image_shape": (8, 8, 1)}, {"recipe": "tuned"}],
    ids=["a quick look", "other images", "another recipe"],
)
def test_on_other_terms_nothing_is_reproduced(make_study, terms):
    assert trainings(make_study([("isolated-1", 43)], **terms), machine="2 cores") == []


def test_own_trainings_go_before_those_of_others_and_the_rest_stays(make_training):
    own = [make_training("isolated-10", 43, 0.91), make_training("isolated-2", 44, 0.92)]
    earlier = [make_training("isolated-2", 44, 0.5), make_training("isolated-2", 43, 0.93)]
    found = gathered(earlier, own)
    assert names_of(found) == [("isolated-2", 43), ("isolated-2", 44), ("isolated-10", 43)]
    assert [each.test_accuracy for each in found] == [0.93, 0.92, 0.91]


def test_of_a_study_and_its_confirmation_the_study_counts(make_training):
    first, copy = make_training("isolated-1", 43, 0.92), make_training("isolated-1", 43, 0.921)
    assert gathered([], [first, copy]) == [first]


def test_the_table_is_read_as_it_was_written(tmp_path, make_training):
    path = tmp_path / "reproduction.csv"
    rows = [
        make_training("isolated-1", 43, 0.1 + 0.2, machine="2 cores, one socket"),
        make_training("grouped-1", 44, 1),
    ]
    write_table(path, rows)
    assert read_table(path) == rows
    assert len(path.read_text().splitlines()) == 3


def test_without_a_table_there_is_nothing(tmp_path):
    assert read_table(tmp_path / "reproduction.csv") == []


def test_a_table_of_other_columns_is_refused(tmp_path):
    path = tmp_path / "reproduction.csv"
    path.write_text("experiment,seed\nisolated-1,43\n")
    with pytest.raises(ValueError, match=r"reproduction\.csv: expected the columns experiment, seed, test_accuracy"):
        read_table(path)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"experiment": "isolated-11"}, "Received: 'isolated-11'"),
        ({"epochs_run": "many"}, "invalid literal for int"),
        ({"val_losses": ("0.3", "low")}, "could not convert string to float: 'low'"),
    ],
    ids=["an experiment that the report does not have", "no number", "no number in a curve"],
)
def test_a_line_that_cannot_be_is_named(tmp_path, make_training, changes, complaint):
    path = tmp_path / "reproduction.csv"
    good = make_training("isolated-1", 43, 0.92)
    write_table(path, [good, replace(good, **changes)])
    with pytest.raises(ValueError, match=rf"reproduction\.csv, line 3: .*{complaint}.*Mend the line, or remove it\."):
        read_table(path)
