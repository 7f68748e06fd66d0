"""Which files of a study's trials are kept, and which go."""

import functools

import optuna
import pytest

from storage import locate
from sweep.trial_files import TrialFiles, remove
from tests.leavings import ask_and_end


@pytest.fixture
def study(tmp_path):
    """A study in a real SQLite file."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'sweep.db'}")
    yield optuna.create_study(study_name="isolated", storage=storage, direction="maximize")
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def files(tmp_path):
    return TrialFiles(tmp_path, "isolated", locate(None, tmp_path))


@pytest.fixture
def run_trial(study):
    """A trial with these attributes: running, or ended with a value or a state."""

    return functools.partial(ask_and_end, study)


@pytest.fixture
def surplus(study, files):
    """The names of what goes, after every trial left a checkpoint and weights."""

    def names(*drafts, keep=0):
        for trial in study.get_trials():
            for path in (files.checkpoint(trial.number), files.weights(trial.number)):
                write(path)
        for draft in drafts:
            write(files.checkpoint(0).with_name(draft))
        return {path.name for path in files.surplus(study.get_trials, keep=keep)}

    return names


def write(path, size=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def test_both_files_of_a_running_trial_are_kept(run_trial, surplus):
    run_trial()
    assert surplus() == set()


@pytest.mark.parametrize("ending", [0.5, "PRUNED", "FAIL"])
def test_a_finished_trial_needs_no_checkpoint(run_trial, surplus, ending):
    run_trial(ending)
    assert "0.npz" in surplus(keep=1)


def test_the_checkpoint_that_a_waiting_trial_goes_on_from_is_kept(study, run_trial, surplus):
    run_trial("FAIL")
    study.enqueue_trial({}, user_attrs={"retry_of": 0})
    assert "0.npz" not in surplus()


def test_the_checkpoint_that_a_running_trial_goes_on_from_is_kept(run_trial, surplus):
    run_trial("FAIL")
    run_trial(retry_of=0)
    assert "0.npz" not in surplus()


def test_the_checkpoints_of_all_earlier_attempts_are_kept_for_a_retry(study, run_trial, surplus):
    run_trial("FAIL")
    run_trial("FAIL", retry_of=0)
    study.enqueue_trial({}, user_attrs={"retry_of": 1})
    assert not surplus() & {"0.npz", "1.npz"}


def test_a_checkpoint_goes_when_the_retry_has_ended(run_trial, surplus):
    run_trial("FAIL")
    run_trial(0.5, retry_of=0)
    assert {"0.npz", "1.npz"} <= surplus()


def test_the_weights_of_the_best_are_kept_and_the_first_of_equals(run_trial, surplus):
    for value in (0.5, 0.9, 0.7, 0.7):
        run_trial(value)
    assert surplus(keep=2) >= {"0.weights.npz", "3.weights.npz"}
    assert not surplus(keep=2) & {"1.weights.npz", "2.weights.npz"}


def test_the_weights_of_a_complete_reported_experiment_are_kept_however_bad(run_trial, surplus):
    run_trial(0.1, baseline="isolated-1")
    run_trial("FAIL", baseline="isolated-2")
    run_trial(0.9)
    gone = surplus(keep=1)
    assert "0.weights.npz" not in gone
    assert "1.weights.npz" in gone


def test_the_weights_of_a_confirmation_are_kept_however_bad(run_trial, surplus):
    run_trial(0.1, confirms=3, seed=44)
    run_trial("FAIL", confirms=3, seed=45)
    run_trial(0.9)
    gone = surplus(keep=1)
    assert "0.weights.npz" not in gone
    assert "1.weights.npz" in gone


def test_files_of_what_is_no_trial_are_neither_surplus_nor_expendable(study, files, run_trial):
    run_trial(0.9)
    named = [write(files.named_checkpoint("full")), write(files.named_weights("full"))]
    assert files.surplus(study.get_trials, keep=0) == []
    assert not files.expendable(study).keys() & set(named)
    assert files.size() == 20
    files.delete()
    assert not any(path.exists() for path in named)


@pytest.mark.parametrize("ending", ["PRUNED", "FAIL"])
def test_a_trial_without_a_result_keeps_no_weights(run_trial, surplus, ending):
    run_trial(ending)
    assert "0.weights.npz" in surplus(keep=3)


def test_a_repeat_takes_no_place_among_the_best(run_trial, surplus):
    run_trial(0.9)
    run_trial(0.9, reused_from=0)
    run_trial(0.8)
    assert "2.weights.npz" not in surplus(keep=2)


def test_a_draft_follows_its_trial(run_trial, surplus):
    run_trial()
    run_trial("FAIL")
    gone = surplus(".0.npz.123", ".1.npz.123")
    assert ".0.npz.123" not in gone
    assert ".1.npz.123" in gone


def test_a_file_of_no_trial_goes(run_trial, surplus):
    run_trial()
    assert surplus("7.npz") == {"7.npz"}


def test_without_folders_nothing_is_surplus_and_nothing_is_used(study, files):
    assert files.surplus(study.get_trials, keep=3) == []
    assert files.size() == 0
    files.delete()


@pytest.fixture
def expendable(study, files):
    """What may go in that order, after every trial left a checkpoint and weights."""

    def words(without=()):
        for trial in study.get_trials():
            for path in (files.checkpoint(trial.number), files.weights(trial.number)):
                if path.name not in without:
                    write(path)
        found = files.expendable(study)
        assert all(path.exists() for path in found)
        return list(found.values())

    return words


def test_the_worst_weights_are_the_first_to_go_and_the_best_never_go(run_trial, expendable):
    run_trial(0.5, baseline="isolated-1")
    for value in (0.9, 0.7, 0.9, 0.5):
        run_trial(value)
    assert expendable() == [f"weights of trial {number}" for number in (4, 0, 2, 3)]


def test_the_best_weights_that_are_here_never_go(run_trial, expendable):
    for value in (0.9, 0.7, 0.5):
        run_trial(value)
    run_trial(0.9, reused_from=0)
    assert expendable(without=["0.weights.npz"]) == ["weights of trial 2"]


def test_checkpoints_that_wait_go_after_all_weights_and_the_oldest_first(study, run_trial, expendable):
    for _ in range(3):
        run_trial("FAIL")
    for number in (1, 0):
        study.enqueue_trial({}, user_attrs={"retry_of": number})
    assert expendable() == ["checkpoint of trial 0", "checkpoint of trial 1"]


def test_nothing_of_running_trials_may_go(study, run_trial, expendable):
    run_trial("FAIL")
    run_trial(retry_of=0)
    study.enqueue_trial({}, user_attrs={"retry_of": 0})
    assert expendable() == []


def test_what_is_gone_already_frees_nothing(tmp_path):
    there = write(tmp_path / "a", 7)
    assert remove([there, tmp_path / "b"]) == 7
    assert not there.exists()


def test_what_cannot_be_removed_is_told_when_all_else_is_gone(tmp_path):
    (tmp_path / "a").mkdir()
    there = write(tmp_path / "b")
    with pytest.raises(OSError, match=str(tmp_path / "a")):
        remove([tmp_path / "a", there])
    assert not there.exists()


def test_a_study_is_measured_and_deleted_with_both_its_folders_and_no_other(files, tmp_path):
    write(files.checkpoint(0), 3)
    write(files.weights(0), 4)
    other = write(TrialFiles(tmp_path, "isolated-quick", locate(None, tmp_path)).weights(0))
    assert files.size() == 7
    files.delete()
    assert files.size() == 0
    assert other.exists()
