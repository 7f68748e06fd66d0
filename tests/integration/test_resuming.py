"""A retry goes on where the attempt before it ended."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from search_spaces import find_space
from search_spaces.build import build_model
from sweep.messages import EpochEnd, Result, Resumed, Stopped
from sweep.trainer import checkpoints
from sweep.trainer.best_epoch import trained_variables
from tests.jobs import make_job
from tests.small_networks import SMALL, SMALL_RESIDUAL

pytestmark = pytest.mark.long


@pytest.fixture
def job(tmp_path):
    """Four epochs on 40 digits, by a network with dropout and batch norm."""
    return make_job(tmp_path, epochs=4, patience=4, deterministic=True)


@pytest.fixture
def retry(job):
    """The same trial once more."""
    return replace(job, trial=2, checkpoint=job.checkpoint.with_name("2.npz"), resume_from=job.checkpoint)


def _measures(answers):
    (result,) = [answer for answer in answers if isinstance(answer, Result)]
    return [(end.epoch, end.loss, end.val_loss, end.val_accuracy) for end in result.history]


def _weights(job):
    with np.load(job.weights) as file:
        return {name: file[name] for name in file.files}


@pytest.mark.parametrize("plan", [SMALL, SMALL_RESIDUAL], ids=["dropout", "residual"])
def test_an_interrupted_trial_ends_with_the_weights_of_an_uninterrupted_one(job, retry, train, tmp_path, plan):
    job, retry = replace(job, plan=plan), replace(retry, plan=plan)
    whole = replace(job, trial=9, checkpoint=tmp_path / "9.npz", weights=tmp_path / "whole.npz")
    uninterrupted = train(whole)
    assert isinstance(train(job, until=2)[-1], Stopped)
    resumed = train(retry)
    (goes_on,) = [answer for answer in resumed if isinstance(answer, Resumed)]
    assert goes_on.problem is None
    assert [end.epoch for end in goes_on.history] == [1, 2]
    assert {end.trial for end in goes_on.history} == {2}
    assert [answer.epoch for answer in resumed if isinstance(answer, EpochEnd)] == [3, 4]
    assert _measures(resumed) == _measures(uninterrupted)
    before, after = _weights(whole), _weights(retry)
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(values, after[name], err_msg=name)


def test_the_epochs_before_an_interruption_count_as_training_time(job, retry, train):
    began = [answer.seconds for answer in train(job, until=2) if isinstance(answer, EpochEnd)]
    (resumed,) = [answer for answer in train(retry) if isinstance(answer, Result)]
    assert [end.seconds for end in resumed.history[:2]] == began
    assert resumed.train_seconds == pytest.approx(sum(end.seconds for end in resumed.history))
    assert resumed.train_seconds > sum(began)


def test_a_resumed_trial_writes_its_own_checkpoint_at_once_and_takes_the_place_of_the_old_one(job, retry, train):
    train(job, until=1)
    train(retry, until=2)
    assert retry.checkpoint.exists()
    assert not job.checkpoint.exists()


def test_a_trial_that_was_interrupted_after_its_last_epoch_is_only_measured(job, retry, train):
    train(job, until=4)
    resumed = train(retry)
    assert not [answer for answer in resumed if isinstance(answer, EpochEnd)]
    assert len(_measures(resumed)) == 4


def test_patience_goes_on_too(job, retry, train):
    impatient = replace(job, epochs=30, patience=1)
    uninterrupted = train(replace(impatient, checkpoint=job.checkpoint.with_name("9.npz")))
    train(impatient, until=1)
    resumed = train(replace(retry, epochs=30, patience=1))
    assert _measures(resumed) == _measures(uninterrupted)
    assert len(_measures(resumed)) < 30


@pytest.mark.parametrize("damage", ["cut", "overwritten", "emptied"])
def test_a_damaged_checkpoint_is_said_and_the_trial_begins_again(job, retry, train, damage):
    train(job, until=1)
    whole = job.checkpoint.read_bytes()
    middle = len(whole) // 2
    job.checkpoint.write_bytes(
        {"cut": whole[:middle], "overwritten": whole[:middle] + bytes(999) + whole[middle + 999 :], "emptied": b""}[
            damage
        ]
    )
    resumed = train(retry)
    (said,) = [answer for answer in resumed if isinstance(answer, Resumed)]
    assert "damaged" in said.problem
    assert said.history == ()
    assert [answer.epoch for answer in resumed if isinstance(answer, EpochEnd)] == [1, 2, 3, 4]


def test_a_checkpoint_of_another_job_is_refused(job, retry, train):
    train(job, until=1)
    said = next(answer for answer in train(replace(retry, seed=44)) if isinstance(answer, Resumed))
    assert "another job" in said.problem


def test_without_a_checkpoint_the_trial_begins_again_and_says_so(retry, train):
    said = next(answer for answer in train(retry) if isinstance(answer, Resumed))
    assert "no checkpoint" in said.problem


def test_what_is_written_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    checkpoints.write_arrays(tmp_path / "a.npz", {"a": np.zeros(3)})

    def full_disk(file, **_arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.write_arrays(tmp_path / "a.npz", {"a": np.ones(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
    with np.load(tmp_path / "a.npz") as file:
        assert file["a"].tolist() == [0, 0, 0]


def test_a_checkpoint_holds_dropouts_random_states_but_no_frozen_backbone():
    pretrained = {"backbone": "vgg16", "l2": None, "batch_norm": False, "dropout": 0.3}
    plan = find_space("pretrained").from_dict(pretrained).plan((28, 28, 1), 10)
    kept = trained_variables(build_model(plan))
    assert sum("seed_generator" in variable.path for variable in kept) == 2
    weights = sum(int(np.prod(variable.shape)) for variable in kept if "seed_generator" not in variable.path)
    assert weights == plan.trainable_parameters
    keras.utils.clear_session()


def test_a_full_disk_costs_checkpoints_and_weights_but_not_the_trial(job, train, monkeypatch):
    def full_disk(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    result = train(job)[-1]
    assert isinstance(result, Result)
    assert len(result.history) == 4
    assert result.weights_kept is False
