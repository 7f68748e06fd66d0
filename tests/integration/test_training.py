"""The trainer in this process, on a few digits."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
from sklearn.decomposition import PCA

from search_spaces import ConfigurationError, find_space
from sweep.data.dataset import load_dataset
from sweep.data.split import split_dataset
from sweep.failures import FailureKind
from sweep.messages import Begun, EpochEnd, Failure, Result, Stopped
from sweep.metrics import scores
from sweep.trainer import step, training
from sweep.trainer.batches import ShuffledBatches
from sweep.trainer.evaluation import Predictions, project
from sweep.trainer.training import Trainer
from tests.jax_process import ON_JAX
from tests.jobs import make_job


@pytest.fixture
def job(tmp_path):
    """Two epochs on 40 digits."""
    return make_job(tmp_path)


@pytest.fixture
def train():
    """Run a job to its end; returns every answer in order."""

    def run(job, is_stopped=lambda trial: False):
        answers = []
        Trainer(send=answers.append, is_stopped=is_stopped).run(job)
        keras.config.set_dtype_policy("float32")
        return answers

    return run


def _epochs(answers):
    return [answer for answer in answers if isinstance(answer, EpochEnd)]


def test_a_trial_reports_every_epoch_and_then_its_result(job, train):
    answers = train(job)
    ends, result = _epochs(answers), answers[-1]
    assert isinstance(result, Result)
    assert [end.epoch for end in ends] == [1, 2]
    assert {answer.trial for answer in answers} == {7}
    assert result.history == tuple(ends)
    assert result.best_epoch == max(ends, key=lambda end: end.val_accuracy).epoch
    assert result.test is None
    assert result.train_seconds == pytest.approx(sum(end.seconds for end in ends))


def test_a_residual_network_learns_digits(tmp_path, train):
    configuration = {"stem_filters": 16, "stem_kernel": 3, "stages": "1x32"}
    plan = find_space("residual").from_dict(configuration).plan((28, 28, 1), 10)
    answers = train(make_job(tmp_path, plan=plan, limit=400, epochs=6, batch_size=32))
    result = answers[-1]
    assert isinstance(result, Result), result
    assert result.history[-1].loss < result.history[0].loss
    assert max(end.val_accuracy for end in result.history) > 0.6  # chance is 0.1, and 0.9 was seen
    assert len(result.features.points) == len(result.features.true) > 0


def test_the_measures_belong_to_the_best_epochs_weights(job, train):
    result = train(replace(job, epochs=3, evaluate_test=True))[-1]
    best = result.history[result.best_epoch - 1]
    assert scores(np.array(result.validation.confusion_matrix)).accuracy == pytest.approx(best.val_accuracy)
    assert result.validation.loss == pytest.approx(best.val_loss, rel=1e-4)
    assert 0 < result.validation.cross_entropy < result.validation.loss  # the L2 penalty lies between
    assert np.array(result.test.confusion_matrix).sum() == 40


def test_of_equal_epochs_the_first_is_the_best(job, train, monkeypatch):
    monkeypatch.setattr(training.keras.callbacks, "EarlyStopping", lambda **settings: keras.callbacks.Callback())
    monkeypatch.setattr(training, "build_model", _build_constant)
    result = train(replace(job, epochs=3))[-1]
    assert len({end.val_accuracy for end in result.history}) == 1
    assert result.best_epoch == 1


def _build_constant(plan, backbone_weights=None):
    inputs = keras.Input((28, 28, 1), dtype="uint8")
    values = keras.layers.Rescaling(0.0)(keras.layers.Flatten()(inputs))
    outputs = keras.layers.Dense(10, activation="softmax", use_bias=False)(values)
    return keras.Model(inputs, outputs)


def test_a_result_shows_the_surest_mistakes_and_what_the_last_layer_sees(job, train):
    result = train(job)[-1]
    worst, seen = result.confusions, result.features
    wrong = 40 - sum(row[index] for index, row in enumerate(result.validation.confusion_matrix))
    assert len(worst.true) == min(wrong, 16)
    assert worst.images.shape == (len(worst.true), 28, 28, 1)
    assert all(true != predicted for true, predicted in zip(worst.true, worst.predicted, strict=True))
    assert list(worst.confidence) == sorted(worst.confidence, reverse=True)
    assert seen.points.shape == (40, 2)
    assert 0 < seen.explained <= 1
    pairs = zip(seen.true, seen.predicted, strict=True)
    assert sum(true != predicted for true, predicted in pairs) == wrong


@pytest.mark.parametrize("shape", [(40, 768), (300, 64), (3, 700), (64, 64)], ids=str)
def test_the_points_lie_on_the_principal_axes_that_scikit_learn_finds(shape):
    random = np.random.default_rng(43)
    features = (np.maximum(random.normal(size=shape), 0) * random.uniform(0.1, 1, shape[1])).astype(np.float32)
    seen = project(Predictions(probabilities=np.eye(len(features), 10), features=features), np.zeros(shape[0], int))
    found = PCA(n_components=2, svd_solver="full").fit(features.astype(np.float64))
    np.testing.assert_allclose(seen.points, found.transform(features), atol=1e-5)
    assert seen.explained == pytest.approx(found.explained_variance_ratio_.sum())


@pytest.mark.parametrize("shape", [(9, 5), (5, 9)], ids=["few units", "few images"])
def test_one_image_unlike_the_others_lies_on_one_axis_and_images_all_alike_on_none(shape):
    features = np.tile(np.arange(shape[1], dtype=np.float32), (shape[0], 1))

    def seen():
        return project(Predictions(probabilities=np.eye(len(features), 10), features=features), np.arange(shape[0]))

    assert not seen().points.any()
    assert seen().explained == 0
    features[2] += 3
    assert np.ptp(seen().points[:, 0]) == pytest.approx(3 * math.sqrt(shape[1]))
    np.testing.assert_allclose(seen().points[:, 1], 0, atol=1e-5)
    assert seen().explained == pytest.approx(1)
    assert seen().explained <= 1


def test_training_stops_after_patience_epochs_without_improvement(job, train, monkeypatch):
    monkeypatch.setattr(training, "build_model", _build_constant)
    result = train(replace(job, epochs=20, patience=3))[-1]
    assert [end.epoch for end in result.history] == [1, 2, 3, 4]
    assert result.best_epoch == 1


def test_what_was_trained_in_bfloat16_is_measured_in_float32(job, train, monkeypatch):
    measured = []

    def measure(model, *rest):
        measured.append({layer.compute_dtype for layer in model.layers if layer.weights})
        return real(model, *rest)

    real = training.measure
    monkeypatch.setattr(training, "measure", measure)
    result = train(replace(job, precision="mixed_bfloat16"))[-1]
    assert result.dtype_policy == "mixed_bfloat16"
    assert measured == [{"float32"}]
    assert np.array(result.validation.confusion_matrix).sum() == 40
    assert math.isfinite(result.validation.cross_entropy)


def test_the_float32_network_has_the_trained_weights(job, train, monkeypatch):
    built = _made(training, "build_model", monkeypatch)
    fused = _made(training, "with_fused_normalization", monkeypatch)
    train(replace(job, precision="mixed_bfloat16"))
    (trained,), rebuilt = fused, built[-1]
    for before, after in zip(trained.get_weights(), rebuilt.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    images = load_dataset(job.data).x_test[:50]
    close = rebuilt.predict(images, verbose=0), np.asarray(trained.predict(images, verbose=0), np.float32)
    np.testing.assert_allclose(*close, atol=0.05)


def _made(module, name, monkeypatch):
    """What a function of a module returns from now on."""
    made, function = [], getattr(module, name)

    def recorded(*arguments, **settings):
        made.append(function(*arguments, **settings))
        return made[-1]

    monkeypatch.setattr(module, name, recorded)
    return made


def test_the_same_seed_trains_the_same_epochs(job, train):
    first, again = (_numbers(train(replace(job, deterministic=True))) for _ in range(2))
    other = _numbers(train(replace(job, deterministic=True, seed=44)))
    assert first == again
    assert first != other


def _numbers(answers):
    return [(end.loss, end.accuracy, end.val_loss, end.val_accuracy) for end in _epochs(answers)]


def test_a_loss_that_is_no_number_fails_the_trial(job, train, monkeypatch):
    def build_model(plan, backbone_weights=None):
        model = _build_constant(plan)
        model.layers[-1].set_weights([np.full((784, 10), np.nan, np.float32)])
        return model

    monkeypatch.setattr(training, "build_model", build_model)
    answers = train(job)
    assert answers[-1].kind is FailureKind.NAN
    assert "nan" in answers[-1].message
    assert not _epochs(answers)


def test_a_network_that_cannot_be_built_fails_the_trial_as_invalid(job, train, monkeypatch):
    def build_model(plan, backbone_weights=None):
        raise ConfigurationError("no pixel is left")

    monkeypatch.setattr(training, "build_model", build_model)
    assert train(job)[-1] == Failure(trial=7, kind=FailureKind.INVALID, message="no pixel is left")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError("all is used"), FailureKind.MEMORY),
        (RuntimeError("RESOURCE_EXHAUSTED: out of memory"), FailureKind.MEMORY),
        (RuntimeError("something else\nand more"), FailureKind.CRASH),
    ],
)
def test_a_trainer_survives_what_a_trial_raises(job, train, monkeypatch, error, kind):
    def build_model(plan, backbone_weights=None):
        raise error

    monkeypatch.setattr(training, "build_model", build_model)
    begun, failure = train(job)
    assert begun == Begun(trial=7, dtype_policy="float32")
    assert failure.kind is kind
    assert failure.message == f"{type(error).__name__}: {str(error).splitlines()[0]}"


def test_a_stop_ends_the_trial_at_the_next_batch(job, train):
    asked = []

    def is_stopped(trial):
        asked.append(trial)
        return len(asked) > 4  # three batches of training make an epoch, one of validation follows

    answers = train(job, is_stopped)
    assert answers[-1] == Stopped(trial=7)
    assert [end.epoch for end in _epochs(answers)] == [1]
    assert asked == [7] * 5


def test_a_stop_is_obeyed_while_the_best_weights_are_measured(job, train):
    asked = []

    def is_stopped(trial):
        asked.append(trial)
        return len(asked) > 8

    answers = train(job, is_stopped)
    assert len(_epochs(answers)) == 2
    assert answers[-1] == Stopped(trial=7)


def test_steps_that_go_together_train_the_same_network(job, train, monkeypatch):
    """Five steps an epoch by two: the last call has one step only."""
    single = train(replace(job, batch_size=8))
    monkeypatch.setattr(step, "steps_per_call", lambda *_, **__: 2)
    together = train(replace(job, batch_size=8))
    assert together[-1].images_per_second is not None
    for one, other in zip(single[-1].history, together[-1].history, strict=True):
        assert (one.loss, one.val_loss) == pytest.approx((other.loss, other.val_loss), rel=1e-4)
        assert (one.accuracy, one.val_accuracy) == (other.accuracy, other.val_accuracy)


def test_a_training_step_is_traced_once(job, train, monkeypatch):
    traced = []
    train_step = keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda model, data: traced.append(1) or train_step(model, data))
    assert isinstance(train(replace(job, limit=48))[-1], Result)  # three whole batches
    assert len(traced) == 1


def test_keras_takes_the_images_in_exactly_that_order(job, train, monkeypatch):
    taken = []

    class Recorded(ShuffledBatches):
        def __getitem__(self, index):
            images, labels = super().__getitem__(index)
            taken.append(labels.tolist())
            return images, labels

    monkeypatch.setattr(training, "ShuffledBatches", Recorded)
    train(replace(job, epochs=4, batch_size=8))
    labels = split_dataset(load_dataset(job.data), seed=43, limit=40).y_train
    wanted = [
        labels[np.random.default_rng([43, epoch]).permutation(40)][start : start + 8].tolist()
        for epoch in range(4)
        for start in range(0, 40, 8)
    ]
    assert taken[-len(wanted) :] == wanted
    assert len(taken) <= len(wanted) + 2  # on TensorFlow Keras first looks at two batches to learn their shapes


@pytest.mark.long
@pytest.mark.jax
def test_the_same_trainer_trains_on_jax(tmp_path):
    script = f"""
from pathlib import Path
from sweep.trainer.training import Trainer
from tests.jobs import make_job
answers = []
trainer = Trainer(send=answers.append, is_stopped=lambda trial: False)
job = make_job(
    Path({str(tmp_path)!r}), epochs=1, precision="auto", deterministic=True, evaluate_test=True
)
trainer.run(job)
result = answers[-1]
print(trainer.backend, result.dtype_policy, sum(map(sum, result.test.confusion_matrix)), len(result.history))
"""
    environment = os.environ | ON_JAX
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "jax float32 40 1"
