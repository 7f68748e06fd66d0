"""Training on the features of a frozen backbone: the same as through the backbone, and at no cost the second time."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from search_spaces import Backbone, Dense, Dropout, Flatten, GlobalAveragePooling, LayerPlan, find_space
from search_spaces.build import build_frozen, build_head, build_model
from sweep.data.dataset import DataReference, load_dataset
from sweep.data.split import split_dataset
from sweep.disk_limit import DiskLimit
from sweep.messages import EpochEnd, Failure, Job, Progress, Result, Resumed, Stopped
from sweep.trainer import frozen
from sweep.trainer.batches import ShuffledBatches
from sweep.trainer.training import Trainer
from sweep.trainer.weights import read_weights
from tests.jax_process import ON_JAX
from tests.jobs import make_job
from tests.small_networks import SMALL_HEAD

CONFIG = {"backbone": "vgg16", "l2": 0.001, "batch_norm": True, "dropout": 0.2}


def plan_of(**changes):
    return find_space("pretrained").from_dict(CONFIG | changes).plan((28, 28, 1), 10)


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session()


def _job(folder):
    """Two epochs on 40 digits by a head on VGG16 with random weights; 40 validation and 40 test images."""
    return make_job(folder, plan=SMALL_HEAD, features=folder / "cache" / "features")


@pytest.fixture
def job(tmp_path):
    return _job(tmp_path)


class Running:
    """Runs jobs one after the other in one trainer; `answers` has what the last one said."""

    def __init__(self):
        self.answers = []
        self.stop_after = None
        self._trainer = Trainer(send=self.answers.append, is_stopped=self._is_stopped)

    def _is_stopped(self, _trial):
        return self.stop_after is not None and self.stop_after(self.answers)

    def run(self, job):
        self.answers.clear()
        self._trainer.run(job)
        return self.answers[-1]


@pytest.fixture
def trainer():
    return Running()


@dataclass(frozen=True, kw_only=True)
class Done:
    """A job that has run, its features with it; not to be changed."""

    job: Job
    result: Result
    answers: list[Any]


def _done(job):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sweep.trainer.reporting.PROGRESS_SECONDS", 0.0)
        trainer = Running()
        result = trainer.run(job)
    keras.config.set_dtype_policy("float32")
    assert isinstance(result, Result), result
    return Done(job=job, result=result, answers=trainer.answers)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The job in float32."""
    return _done(_job(tmp_path_factory.mktemp("float32")))


@pytest.fixture(scope="module")
def done_in_bfloat16(tmp_path_factory):
    """The job in bfloat16, measured on test images, too."""
    return _done(replace(_job(tmp_path_factory.mktemp("bfloat16")), precision="mixed_bfloat16", evaluate_test=True))


@pytest.fixture
def found(done, job):
    """The job with a copy of the features that it computed before."""
    shutil.copytree(done.job.features, job.features)
    return job


def split_of(job):
    return split_dataset(load_dataset(job.data), seed=job.seed, limit=job.limit)


def files(job):
    return sorted(job.features.glob("*.npy"))


def numbers(result):
    return [(end.loss, end.accuracy, end.val_loss, end.val_accuracy) for end in result.history]


# The two parts of a network


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_frozen_part_and_head_are_the_whole_network(policy):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(43)
    whole = build_model(plan_of())
    keras.utils.set_random_seed(43)
    backbone = build_frozen(plan_of())
    keras.utils.set_random_seed(43)
    head = build_head(plan_of())
    pixels = np.random.default_rng(43).integers(0, 256, (8, 28, 28, 1), dtype=np.uint8)
    features = np.asarray(backbone.predict(pixels, verbose=0), np.float32)
    assert features.shape == (8, 512)
    np.testing.assert_allclose(head.predict(features, verbose=0), whole.predict(pixels, verbose=0), atol=1e-6)


def test_a_head_has_the_paths_and_first_weights_that_it_has_in_the_whole_network():
    keras.utils.set_random_seed(43)
    whole = build_model(plan_of())
    keras.utils.set_random_seed(43)
    head = build_head(plan_of())
    of_whole = {each.path: np.asarray(each) for each in whole.variables if not each.path.startswith("vgg16")}
    of_head = {each.path: np.asarray(each) for each in head.variables}
    weights = {path for path in of_head if "seed_generator" not in path}  # a generator's path counts networks built
    assert weights == {path for path in of_whole if "seed_generator" not in path and "block" not in path}
    for path in weights:
        np.testing.assert_array_equal(of_head[path], of_whole[path], err_msg=path)


def test_the_frozen_part_of_a_plan_ends_before_weights_and_randomness():
    softmax = Dense(units=10, activation="softmax")

    def frozen_of(*layers):
        plan = LayerPlan(image_shape=(28, 28, 1), classes=10, layers=(*layers, softmax))
        assert plan.frozen + plan.head == plan.layers
        assert plan.frozen_macs + plan.head_macs == plan.forward_macs
        return plan.frozen, plan.feature_shape

    vgg, average, drop = Backbone(name="resnet152_v2"), GlobalAveragePooling(), Dropout(rate=0.5)
    assert frozen_of(vgg, average) == ((vgg, average), (2048,))
    assert frozen_of(vgg, Flatten()) == ((vgg, Flatten()), (9 * 2048,))
    assert frozen_of(vgg, drop, average) == ((vgg,), (3, 3, 2048))
    assert frozen_of(Flatten()) == ((), (28, 28, 1))


def test_a_plan_without_a_backbone_has_no_parts():
    plan = LayerPlan(image_shape=(28, 28, 1), classes=10, layers=(Flatten(), Dense(units=10, activation="softmax")))
    for build in (build_frozen, build_head):
        with pytest.raises(ValueError, match="no backbone"):
            build(plan)


# Training


def test_training_on_features_is_training_through_the_frozen_backbone(job, trainer):
    """The same first weights and the same order of images: every epoch's figures are the same."""
    plan = plan_of(dropout=None)  # its random numbers would be others in a network of other inputs
    # Features of other batches differ in their last digits, which Adam's usual steps of 0.001 multiply to a thousandth.
    slow = replace(job.training, learning_rate=1e-4)
    result = trainer.run(replace(job, plan=plan, epochs=3, training=slow))
    images = split_of(job)
    keras.utils.set_random_seed(job.seed)
    whole = build_model(plan)
    adam = keras.optimizers.Adam(slow.learning_rate)
    whole.compile(optimizer=adam, loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    batches = ShuffledBatches(images.x_train, images.y_train, batch_size=job.batch_size, seed=job.seed)
    history = whole.fit(
        batches,
        shuffle=False,
        epochs=3,
        validation_data=(images.x_validation, images.y_validation),
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: batches.start_epoch(epoch))],
        verbose=0,
    ).history
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        of_head = [getattr(end, name) for end in result.history]
        np.testing.assert_allclose(of_head, history[name], rtol=1e-4, err_msg=name)


def test_the_second_trial_finds_its_features_and_builds_no_backbone(done, found, trainer, monkeypatch):
    job, first = found, done.result
    assert (first.features_images, first.features_seconds > 0) == (len(distinct(job)), True)

    def build_frozen(*_, **__):
        raise AssertionError("a backbone was built")

    monkeypatch.setattr(frozen, "build_frozen", build_frozen)
    again = trainer.run(job)
    assert (again.features_images, again.features_seconds) == (0, 0.0)
    assert numbers(again) == numbers(first)
    assert again.validation == first.validation
    other = trainer.run(replace(job, plan=plan_of(l2=None, batch_norm=False, dropout=None)))
    assert (other.features_images, other.features_seconds) == (0, 0.0)
    assert not any(isinstance(answer, Progress) and answer.features_of for answer in trainer.answers)


def distinct(job, *, test=False):
    split = split_of(job)
    parts = [split.x_train, split.x_validation] + ([split.x_test] if test else [])
    return {image.tobytes() for part in parts for image in part}


@pytest.mark.long
def test_trials_without_a_backbone_have_no_features(job, trainer, tmp_path):
    result = trainer.run(make_job(tmp_path, features=job.features, epochs=1))
    assert isinstance(result, Result)
    assert (result.features_seconds, result.features_images) == (None, 0)
    assert not job.features.exists()


@pytest.mark.long
def test_test_images_and_more_images_cost_only_themselves(job, trainer):
    trainer.run(job)
    with_test = trainer.run(replace(job, evaluate_test=True))
    assert with_test.features_images == len(distinct(job, test=True)) - len(distinct(job))
    assert np.array(with_test.test.confusion_matrix).sum() == 40
    larger = replace(job, limit=80)
    assert trainer.run(larger).features_images == len(distinct(larger) - distinct(job, test=True))


@pytest.mark.long
def test_on_all_images_another_seed_costs_nothing(job, trainer, weights_file, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 256, (60, 28, 28), dtype=np.uint8)
    labels = np.arange(60) % 4
    np.savez(tmp_path / "small.npz", x_train=pixels, y_train=labels, x_test=pixels[:8], y_test=labels[:8])
    data = DataReference(name=str(tmp_path / "small.npz"), cache_dir=tmp_path)
    first = replace(job, data=data, backbone_weights=weights_file, limit=None, epochs=1)
    second = replace(first, seed=44)
    assert not np.array_equal(split_of(first).x_train, split_of(second).x_train)
    assert trainer.run(first).features_images == 60
    assert trainer.run(second).features_images == 0


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "vgg16.weights.h5"
    keras.utils.set_random_seed(1)
    keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
    return path


@pytest.mark.long
def test_whatever_decides_the_features_makes_others(job, trainer, weights_file, tmp_path):
    trainer.run(replace(job, epochs=1))
    copy = tmp_path / "copy.weights.h5"
    copy.write_bytes(weights_file.read_bytes())
    computed = [
        trainer.run(replace(job, epochs=1, **changes)).features_images
        for changes in (
            {"seed": 44},  # of random weights
            {"backbone_weights": weights_file},
            {"backbone_weights": copy},
            {"backbone_weights": weights_file, "deterministic": True},
            {"backbone_weights": weights_file, "precision": "mixed_bfloat16"},
        )
    ]
    assert [count > 0 for count in computed] == [True, True, False, True, True]


def test_bfloat16_features_are_kept_as_such_and_the_end_is_measured_in_float32(done, done_in_bfloat16):
    result, measured = done_in_bfloat16.result, done.result.validation
    assert result.dtype_policy == "mixed_bfloat16"
    sizes = sorted({np.load(path)["values"].dtype.itemsize for path in files(done_in_bfloat16.job)})
    assert sizes == [2, 4]
    assert result.validation.cross_entropy == pytest.approx(measured.cross_entropy, rel=0.05)


def test_the_whole_network_with_a_heads_weights_says_what_was_measured(done_in_bfloat16):
    job, result = done_in_bfloat16.job, done_in_bfloat16.result
    keras.utils.set_random_seed(job.seed)
    whole = build_model(job.plan)
    read_weights(whole, job.weights)
    split = split_of(job)
    for images, labels, measured in (
        (split.x_validation, split.y_validation, result.validation),
        (split.x_test, split.y_test, result.test),
    ):
        probabilities = whole.predict(images, verbose=0)
        entropy = -np.log(probabilities[np.arange(len(labels)), labels]).mean()
        assert measured.cross_entropy == pytest.approx(entropy, rel=1e-4)


@pytest.mark.long
def test_a_full_training_takes_the_features_of_validation_images_too(job, trainer):
    trainer.run(job)
    result = trainer.run(replace(job, full=True))
    assert np.array(result.test.confusion_matrix).sum() == 40
    assert len(result.history) == 2


# What may go wrong


def test_damaged_features_are_computed_again(done, found, trainer):
    job, first = found, done.result
    (path,) = files(job)
    path.write_bytes(path.read_bytes()[:-1000])
    again = trainer.run(job)
    assert again.features_images == first.features_images
    assert numbers(again) == numbers(first)
    assert len(files(job)) == 1


def test_without_room_on_the_disk_features_stay_in_memory_for_the_next_trial(job, trainer, tmp_path):
    limited = replace(job, epochs=1, disk_limit=DiskLimit(home=tmp_path, bytes=10**5))
    first = trainer.run(limited)
    assert isinstance(first, Result)
    assert first.features_images > 0
    assert files(job) == []
    assert trainer.run(limited).features_images == 0


@pytest.mark.long
def test_without_a_folder_that_can_be_written_the_trial_trains(job, trainer, tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert isinstance(trainer.run(replace(job, features=tmp_path / "file" / "features")), Result)
    assert isinstance(trainer.run(replace(job, features=None)), Result)
    assert trainer.answers[-1].features_images == 0  # kept in memory, whatever the folder


def test_a_stop_while_features_are_computed_is_obeyed_at_the_next_batch_and_loses_none(job, trainer):
    batches = []

    def after_two(_answers):
        batches.append(None)
        return len(batches) > 2

    trainer.stop_after = after_two
    assert trainer.run(job) == Stopped(trial=7)
    assert not [path for path in job.features.iterdir() if path.suffix == ".draft"]
    trainer.stop_after = None
    assert trainer.run(job).features_images == len(distinct(job)) - 2 * frozen.BATCH_SIZE


@pytest.mark.long
def test_what_is_computed_is_written_now_and_then(job, trainer, monkeypatch):
    monkeypatch.setattr(frozen, "WRITE_SECONDS", 0.0)
    first = trainer.run(job)
    assert len(files(job)) == -(-len(distinct(job)) // frozen.BATCH_SIZE)
    again = trainer.run(job)
    assert again.features_images == 0
    assert numbers(again) == numbers(first)


def test_progress_says_whose_features_are_computed(done):
    said = [answer for answer in done.answers if isinstance(answer, Progress) and answer.features_of]
    assert {(answer.features_of, answer.epoch) for answer in said} == {("vgg16", None)}
    shares = [answer.fraction for answer in said]
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] < 1


@pytest.mark.long
def test_a_weights_file_that_is_gone_fails_the_trial_and_not_the_trainer(job, trainer, tmp_path):
    failure = trainer.run(replace(job, backbone_weights=tmp_path / "gone.h5"))
    assert isinstance(failure, Failure)
    assert "gone.h5" in failure.message
    assert isinstance(trainer.run(job), Result)


@pytest.mark.long
def test_an_interrupted_head_goes_on_from_its_checkpoint(job, train, tmp_path):
    whole = train(replace(job, epochs=4, trial=9, checkpoint=tmp_path / "9.npz"))[-1]
    interrupted = replace(job, epochs=4)
    assert isinstance(train(interrupted, until=2)[-1], Stopped)
    answers = train(replace(interrupted, trial=8, checkpoint=tmp_path / "8.npz", resume_from=job.checkpoint))
    (resumed,) = [answer for answer in answers if isinstance(answer, Resumed)]
    assert (resumed.problem, len(resumed.history)) == (None, 2)
    assert [answer.epoch for answer in answers if isinstance(answer, EpochEnd)] == [3, 4]
    assert answers[-1].features_images == 0
    for mine, uninterrupted in zip(numbers(answers[-1]), numbers(whole), strict=True):
        assert mine == pytest.approx(uninterrupted, rel=1e-5)


# Two processes, another backend

SCRIPT = """
import sys
from pathlib import Path
from tests.jobs import make_job
from tests.small_networks import SMALL_HEAD
from sweep.trainer.training import Trainer
answers, folder = [], Path(sys.argv[1])
features, weights = folder / "cache" / "features", Path(sys.argv[2])
job = make_job(folder, plan=SMALL_HEAD, features=features, epochs=1, limit=int(sys.argv[3]), weights=weights)
trainer = Trainer(send=answers.append, is_stopped=lambda trial: False)
for _ in range(int(sys.argv[4])):
    trainer.run(job)
    print(trainer.backend, answers[-1].features_images, f"{answers[-1].validation.cross_entropy:.6f}", flush=True)
"""


def start(folder, weights, *, limit, times=1, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), str(folder / weights), str(limit), str(times)],
        env=os.environ | environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(process):
    out, error = process.communicate()
    assert process.returncode == 0, error
    return [line.split() for line in out.splitlines()]


@pytest.mark.long
def test_two_processes_compute_each_image_once_between_them(job, tmp_path):
    (first,), (second,) = [
        told(process) for process in [start(tmp_path, f"{index}.npz", limit=150) for index in (0, 1)]
    ]
    assert int(first[1]) + int(second[1]) == len(distinct(replace(job, limit=150)))
    assert first[2] == second[2]


@pytest.mark.long
@pytest.mark.jax
def test_on_jax_features_are_its_own_and_found_again(job, trainer, tmp_path):
    trainer.run(job)
    first, again = told(start(tmp_path, "0.npz", limit=job.limit, times=2, **ON_JAX))
    assert (first[0], int(first[1])) == ("jax", len(distinct(job)))
    assert (int(again[1]), again[2]) == (0, first[2])
