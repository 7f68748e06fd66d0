"""What a tuned recipe does to training, on a few digits."""

import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest

from search_spaces import Convolution, Dense, Flatten, LayerPlan, MaxPooling
from search_spaces.build import build_model
from search_spaces.layers import BatchNormalization
from sweep.messages import Result, Resumed
from sweep.recipe import Training
from sweep.trainer import training as trainer_module
from sweep.trainer.batches import ShuffledBatches
from sweep.trainer.checkpoints import fingerprint
from sweep.trainer.optimizer import learning_rate, make_optimizer
from sweep.trainer.step import make_loss
from sweep.trainer.training import Trainer
from tests.jax_process import ON_JAX
from tests.jobs import make_job

LAYERS = (
    Convolution(filters=4),
    BatchNormalization(),
    MaxPooling(),
    Flatten(),
    Dense(units=10, activation="softmax"),
)
EVERYTHING = Training(
    learning_rate=0.006,
    schedule="one-cycle",
    weight_decay=0.01,
    label_smoothing=0.1,
    augmentation="shift-erase",
    weight_averaging=True,
)


def _job(folder):
    """Three epochs of three steps, by a network of a few thousand weights."""
    plan = LayerPlan(image_shape=(28, 28, 1), classes=10, layers=LAYERS)
    return make_job(folder, plan=plan, epochs=3, patience=None, deterministic=True)


@pytest.fixture
def job(tmp_path):
    return _job(tmp_path)


def _train(job):
    answers = []
    Trainer(send=answers.append, is_stopped=lambda trial: False).run(job)
    return answers


@pytest.fixture
def train():
    """Run a job to its end; returns every answer in order."""
    return _train


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """What came of the job with the report's training."""
    return _train(_job(tmp_path_factory.mktemp("plain")))[-1]


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """What came of it with averages of weights."""
    return _train(replace(_job(tmp_path_factory.mktemp("averaged")), training=Training(weight_averaging=True)))[-1]


def _rates(schedule, steps):
    rate = learning_rate(Training(learning_rate=0.01, schedule=schedule), steps=steps)
    return [rate if isinstance(rate, float) else float(rate(step)) for step in range(steps + 1)]


def test_a_constant_rate_stays_and_a_cosine_ends_at_nothing():
    assert _rates("constant", 10) == [0.01] * 11
    rates = _rates("cosine", 100)
    assert rates[0] == pytest.approx(0.01)
    assert rates[50] == pytest.approx(0.005)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates == sorted(rates, reverse=True)


def test_one_cycle_goes_up_for_three_tenths_and_then_down_to_nearly_nothing():
    rates = _rates("one-cycle", 100)
    assert rates[0] == pytest.approx(0.01 / 25)
    assert rates[15] == pytest.approx((0.01 + 0.01 / 25) / 2)  # a straight line
    assert rates[30] == max(rates) == pytest.approx(0.01)
    assert rates[65] == pytest.approx(0.005, rel=1e-3)
    assert 0 < rates[-1] < 0.01 / 100_000


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_a_schedule_of_a_single_step_has_a_rate(schedule):
    assert all(np.isfinite(_rates(schedule, 1)))


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule='linear'"):
        learning_rate(Training(schedule="linear"), steps=10)


def test_the_reports_training_is_keras_adam(job):
    optimizer = make_optimizer(Training(), [], epochs=3, steps=3)
    ours, keras_adam = optimizer.get_config(), keras.optimizers.get("adam").get_config()
    assert type(optimizer) is keras.optimizers.Adam
    assert {**ours, "name": ""} == {**keras_adam, "name": ""}
    assert make_loss(None) == "sparse_categorical_crossentropy"


def test_decay_shrinks_kernels_and_leaves_vectors_alone(job):
    variables = build_model(job.plan).trainable_variables
    optimizer = make_optimizer(Training(weight_decay=0.1), variables, epochs=1, steps=1)
    before = [np.array(each) for each in variables]
    optimizer.build(variables)
    optimizer.apply([keras.ops.zeros(each.shape) for each in variables], variables)
    assert {len(each.shape) for each in variables} == {1, 2, 4}
    for variable, old in zip(variables, before, strict=True):
        factor = 1 if len(variable.shape) == 1 else 1 - 0.001 * 0.1
        np.testing.assert_allclose(np.array(variable), old * factor, rtol=1e-5)


def test_smoothing_spreads_some_of_each_label():
    true, predicted = np.array([1, 0]), np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]], np.float32)
    labels = 0.9 * np.eye(3)[true] + 0.1 / 3
    expected = -(labels * np.log(predicted)).sum(axis=1)
    np.testing.assert_allclose(np.asarray(make_loss(0.1)(true, keras.ops.array(predicted))), expected, rtol=1e-5)


def test_every_part_of_the_recipe_trains_other_weights(job, train, plain, averaged):
    parts = (
        Training(learning_rate=0.002),
        Training(schedule="cosine"),
        Training(weight_decay=0.1),
        Training(label_smoothing=0.1),
        Training(augmentation="shift"),
    )
    results = [plain, averaged, *(train(replace(job, training=part))[-1] for part in parts)]
    assert all(isinstance(result, Result) for result in results), results
    assert len({result.validation.cross_entropy for result in results}) == len(results)
    parts += (Training(), Training(weight_averaging=True))
    assert len({fingerprint(replace(job, training=part)) for part in parts}) == len(parts)


def test_validation_and_the_best_epoch_have_the_averaged_weights(averaged):
    result = averaged
    best = result.history[result.best_epoch - 1]
    matrix = np.array(result.validation.confusion_matrix)
    assert np.trace(matrix) / matrix.sum() == pytest.approx(best.val_accuracy)
    assert result.validation.loss == pytest.approx(best.val_loss, rel=1e-4)


def test_averaging_changes_no_weight_on_the_way(plain, averaged):
    assert [each.loss for each in plain.history] == [each.loss for each in averaged.history]
    assert [each.val_loss for each in plain.history] != [each.val_loss for each in averaged.history]


def test_the_average_of_weights_that_stand_still_is_those_weights():
    variable = keras.Variable(np.ones((2, 2), np.float32))
    optimizer = make_optimizer(Training(weight_averaging=True), [variable], epochs=1, steps=10)
    optimizer.build([variable])
    for _ in range(3):
        optimizer.apply([keras.ops.zeros((2, 2))], [variable])
    optimizer.finalize_variable_values([variable])
    np.testing.assert_allclose(np.array(variable), np.ones((2, 2)), rtol=1e-6)


def test_a_resumed_trial_trains_the_same_weights_as_an_uninterrupted_one(job, train, monkeypatch):
    whole = train(replace(job, training=EVERYTHING))[-1]
    before = np.load(job.weights)
    before = {name: before[name] for name in before.files}
    monkeypatch.setattr(trainer_module.Checkpoint, "on_epoch_end", _write_and_stop)
    train(replace(job, training=EVERYTHING))
    monkeypatch.undo()
    again = replace(job, training=EVERYTHING, checkpoint=job.checkpoint.with_name("8.npz"), resume_from=job.checkpoint)
    answers = train(again)
    (resumed,) = (each for each in answers if isinstance(each, Resumed))
    assert (len(resumed.history), resumed.problem) == (2, None)
    assert [each.loss for each in answers[-1].history] == [each.loss for each in whole.history]
    assert answers[-1].validation == whole.validation
    after = np.load(job.weights)
    for name in before:
        if not name.endswith("seed_generator_state"):
            np.testing.assert_array_equal(before[name], after[name])


def _write_and_stop(checkpoint, epoch, logs=None):
    if epoch == 1:
        checkpoint.write(checkpoint.model, checkpoint._path)
        raise RuntimeError("the trainer was killed")


def test_training_sees_augmented_images_and_validation_does_not(job, train, monkeypatch):
    settings = []

    class Recorded(ShuffledBatches):
        def __init__(self, *arguments, **named):
            settings.append(named["augmentation"])
            raise RuntimeError("what came of it is seen elsewhere")

    monkeypatch.setattr(trainer_module, "ShuffledBatches", Recorded)
    train(job)
    train(replace(job, training=Training(augmentation="flip-shift-erase")))
    assert settings[0] is None
    assert settings[1] is not None


def test_steps_that_go_together_follow_the_same_schedule(job, train, monkeypatch):
    single = train(replace(job, batch_size=8, training=EVERYTHING))[-1]
    monkeypatch.setattr("sweep.trainer.step.steps_per_call", lambda *_, **__: 2)
    together = train(replace(job, batch_size=8, training=EVERYTHING))[-1]
    for one, other in zip(single.history, together.history, strict=True):
        assert (one.loss, one.val_loss) == pytest.approx((other.loss, other.val_loss), rel=1e-4)


def test_a_full_training_ends_with_the_averages(job, train):
    plain, averaged = (
        train(replace(job, full=True, evaluate_test=True, training=Training(weight_averaging=each)))[-1]
        for each in (False, True)
    )
    assert [each.loss for each in plain.history] == [each.loss for each in averaged.history]
    assert plain.test.cross_entropy != averaged.test.cross_entropy


@pytest.mark.long
@pytest.mark.jax
def test_averaged_weights_are_validated_on_jax_too(tmp_path):
    script = f"""
from pathlib import Path
from search_spaces import Convolution, Dense, Flatten, LayerPlan
from sweep.recipe import Training
from sweep.trainer.training import Trainer
from tests.jobs import make_job
layers = (Convolution(filters=2), Flatten(), Dense(units=10, activation="softmax"))
plan = LayerPlan(image_shape=(28, 28, 1), classes=10, layers=layers)
training = Training(schedule="one-cycle", weight_decay=0.01, augmentation="shift-erase", weight_averaging=True)
answers = []
job = make_job(Path({str(tmp_path)!r}), plan=plan, patience=None, training=training)
Trainer(send=answers.append, is_stopped=lambda trial: False).run(job)
result = answers[-1]
best = result.history[result.best_epoch - 1]
print(len(result.history), abs(result.validation.loss - best.val_loss) < 1e-4)
"""
    environment = os.environ | ON_JAX
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "2 True"
