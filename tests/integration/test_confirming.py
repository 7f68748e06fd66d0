"""The trainer on confirmations and full trainings, in this process, on a few digits."""

import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from sweep.data.dataset import load_dataset
from sweep.data.split import split_dataset
from sweep.messages import EpochEnd, FullResult, Result, Resumed, Stopped, Trained
from sweep.metrics import scores
from sweep.trainer import training
from sweep.trainer.batches import ShuffledBatches
from sweep.trainer.training import Trainer
from tests.jobs import make_job


@pytest.fixture
def job(tmp_path):
    return make_job(tmp_path, evaluate_test=True)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A trial as the sampler draws them, deterministic, and what came of it; not to be changed."""
    drawn = make_job(tmp_path_factory.mktemp("drawn"), deterministic=True)
    answers = []
    Trainer(send=answers.append, is_stopped=lambda _: False).run(drawn)
    return drawn, answers[-1]


@pytest.fixture
def original(drawn, job):
    """The same with weights of this test's own."""
    source, result = drawn
    job.weights.parent.mkdir()
    shutil.copy(source.weights, job.weights)
    return replace(source, data=job.data, checkpoint=job.checkpoint, weights=job.weights), result


@pytest.fixture
def trained_on(monkeypatch):
    """Which images and classes fits get, in the order of the fits."""
    seen = []

    class Seen(ShuffledBatches):
        def __init__(self, x, y, **options):
            seen.append((x, y))
            super().__init__(x, y, **options)

    monkeypatch.setattr(training, "ShuffledBatches", Seen)
    return seen


def taking_over(job, result):
    """The job of a confirmation that takes over what another job came to."""
    trained = Trained(
        weights=job.weights,
        best_epoch=result.best_epoch,
        history=result.history,
        train_seconds=result.train_seconds,
        images_per_second=result.images_per_second,
        dtype_policy=result.dtype_policy,
    )
    folder = job.weights.parent.parent / "confirming"
    own = {"trial": 0, "checkpoint": folder / "0.npz", "weights": folder / "0.weights.npz", "trained": trained}
    return replace(job, evaluate_test=True, **own)


def arrays_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files if "seed_generator" not in name}


def assert_same_arrays(one, other):
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


# Taken over


def test_what_is_taken_over_has_the_original_s_figures_and_trains_nothing(original, train, trained_on):
    job, trained = original
    confirmation = taking_over(job, trained)
    answers = train(confirmation)
    assert trained_on == []
    assert not any(isinstance(answer, EpochEnd) for answer in answers)
    result = answers[-1]
    assert isinstance(result, Result)
    assert (result.trial, result.taken_over, trained.taken_over) == (0, True, False)
    assert result.validation.confusion_matrix == trained.validation.confusion_matrix
    assert result.validation.loss == pytest.approx(trained.validation.loss, rel=1e-6)
    for name in ("best_epoch", "history", "train_seconds", "images_per_second", "dtype_policy"):
        assert getattr(result, name) == getattr(trained, name)
    assert result.weights_kept
    assert_same_arrays(arrays_of(confirmation.weights), arrays_of(job.weights))


def test_a_trial_that_was_never_measured_on_test_images_is_once_it_is_confirmed(original, train):
    job, trained = original
    assert (trained.test, trained.test_classes) == (None, None)
    result = train(taking_over(job, trained))[-1]
    true, predicted = result.test_classes
    assert np.array_equal(true, split_dataset(load_dataset(job.data), seed=43, limit=40).y_test)
    assert (true == predicted).mean() == pytest.approx(scores(np.array(result.test.confusion_matrix)).accuracy)


@pytest.mark.parametrize(
    "harm", [*(pytest.param(harm, marks=pytest.mark.long) for harm in ("gone", "cut")), "half another network's"]
)
def test_weights_that_cannot_be_taken_over_are_trained_again(original, train, trained_on, harm):
    """And nothing of them gets into that: the result is that of a fresh training."""
    job, trained = original
    if harm == "gone":
        job.weights.unlink()
    elif harm == "cut":
        job.weights.write_bytes(job.weights.read_bytes()[:-100])
    else:
        arrays = arrays_of(job.weights)
        with job.weights.open("wb") as file:
            np.savez(file, **{name: array + 1 for name, array in arrays.items() if name != list(arrays)[-1]})
    answers = train(taking_over(job, trained))
    assert len(trained_on) == 1
    assert [answer.epoch for answer in answers if isinstance(answer, EpochEnd)] == [1, 2]
    assert isinstance(answers[-1], Result)
    assert not answers[-1].taken_over
    assert answers[-1].validation == trained.validation


# Seeds


def test_each_seed_has_its_own_validation_images_and_all_the_same_test_images(job, train, trained_on):
    results = [train(replace(job, seed=seed, epochs=1))[-1] for seed in (43, 44)]
    assert len({images.tobytes() for images, _ in trained_on}) == 2
    assert len({result.validation.cross_entropy for result in results}) == 2
    splits = [split_dataset(load_dataset(job.data), seed=seed, limit=40) for seed in (43, 44)]
    assert not np.array_equal(splits[0].x_validation, splits[1].x_validation)
    assert np.array_equal(splits[0].x_test, splits[1].x_test)
    assert all(np.array_equal(result.test_classes[0], splits[0].y_test) for result in results)


# Full


def test_a_full_training_sees_training_and_validation_images_and_tells_of_test_images_alone(job, train, trained_on):
    full = replace(job, full=True, epochs=3, patience=3)
    answers = train(full)
    split = split_dataset(load_dataset(job.data), seed=43, limit=40)
    ((images, classes),) = trained_on
    assert sorted(map(bytes, images)) == sorted(map(bytes, np.concatenate([split.x_train, split.x_validation])))
    assert len(classes) == len(split.y_train) + len(split.y_validation)
    ends, result = [answer for answer in answers if isinstance(answer, EpochEnd)], answers[-1]
    assert isinstance(result, FullResult)
    assert result.history == tuple(ends)
    assert [end.epoch for end in ends] == [1, 2, 3]
    assert all(math.isnan(end.val_accuracy) and math.isnan(end.val_loss) for end in ends)
    assert np.array(result.test.confusion_matrix).sum() == len(split.y_test)


@pytest.mark.long
def test_a_full_model_has_the_last_epoch_s_weights(job, train):
    """Nothing is known of which epoch is the best, and nothing stops early."""
    full = replace(job, full=True, epochs=3, patience=1, deterministic=True)
    assert len(train(full)[-1].history) == 3
    arrays = arrays_of(full.weights)
    again = replace(
        full, weights=full.weights.with_name("again.npz"), checkpoint=full.checkpoint.with_name("again.npz")
    )
    train(replace(again, epochs=2))
    assert any(not np.array_equal(array, arrays[name]) for name, array in arrays_of(again.weights).items())
    train(again)
    assert_same_arrays(arrays_of(again.weights), arrays)


@pytest.mark.long
def test_an_interrupted_full_training_ends_with_the_weights_of_an_uninterrupted_one(job, train, trained_on):
    full = replace(job, full=True, epochs=3, patience=3, deterministic=True)
    whole = replace(full, checkpoint=job.checkpoint.with_name("whole.npz"), weights=job.weights.with_name("whole.npz"))
    uninterrupted = train(whole)[-1]
    assert isinstance(train(full, until=1)[-1], Stopped)
    before = full.checkpoint.replace(full.checkpoint.with_name("before.npz"))
    answers = train(replace(full, resume_from=before))
    (resumed,) = [answer for answer in answers if isinstance(answer, Resumed)]
    assert resumed.problem is None
    assert [end.epoch for end in resumed.history] == [1]
    assert answers[-1].test == uninterrupted.test
    assert len(answers[-1].history) == 3
    assert_same_arrays(arrays_of(full.weights), arrays_of(whole.weights))


@pytest.mark.long
def test_a_full_training_does_not_go_on_from_a_confirmation_s_checkpoint(job, train):
    train(job, until=1)
    answers = train(
        replace(job, full=True, resume_from=job.checkpoint, checkpoint=job.checkpoint.with_name("full.npz"))
    )
    (resumed,) = [answer for answer in answers if isinstance(answer, Resumed)]
    assert resumed.history == ()
    assert resumed.problem is not None
    assert len(answers[-1].history) == 2
