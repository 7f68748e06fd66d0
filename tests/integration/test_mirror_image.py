"""A network whose answer is the mean over an image and its mirror image: measured, exported, and read again."""

import json

import keras
import numpy as np
import pytest

from search_spaces import REPORT_POINT, find_space
from search_spaces.build import build_model
from sweep.data.dataset import DataReference, load_dataset
from sweep.data.split import split_dataset
from sweep.export.build import build, rebuild
from sweep.export.measures import Measured
from sweep.export.specification import Specification
from sweep.messages import Result
from sweep.metrics import cross_entropy
from sweep.model.runtimes import run_format
from sweep.recipe import batch_size_of, training_of
from sweep.trainer.evaluation import with_features
from sweep.trainer.mirroring import with_mirror_image
from sweep.trainer.training import Trainer
from tests.jobs import make_job

CONFIG = {"conv_layers": 3, "l2": 0.001, "batch_norm": True, "dropout": 0.2}


@pytest.fixture
def network():
    """An untrained network of the report."""
    keras.utils.set_random_seed(1)
    return build_model(find_space("isolated").from_dict(CONFIG).plan((28, 28, 1), 10), name="classifier")


@pytest.fixture
def images(tmp_path):
    return load_dataset(DataReference(name="digits", cache_dir=tmp_path)).x_test[:20]


def test_the_answer_is_the_mean_and_no_other_to_the_mirror_image(network, images):
    averaged = with_mirror_image(network)
    direct, mirrored = (network.predict(views, verbose=0) for views in (images, images[:, :, ::-1]))
    answer = averaged.predict(images, verbose=0)
    np.testing.assert_allclose(answer, (direct + mirrored) / 2, atol=1e-6)
    np.testing.assert_allclose(averaged.predict(images[:, :, ::-1], verbose=0), answer, atol=1e-6)
    assert abs(direct - mirrored).max() > 1e-3
    assert (averaged.input_shape, averaged.output_shape) == (network.input_shape, network.output_shape)
    assert averaged.count_params() == network.count_params()


def test_the_penalty_counts_once(network):
    plain, averaged = (sum(map(float, model.losses)) for model in (network, with_mirror_image(network)))
    assert plain == pytest.approx(averaged)
    assert plain > 0


def test_the_features_are_those_of_the_image_as_it_is(network, images):
    probabilities, features = with_mirror_image(with_features(network)).predict(images, verbose=0)
    _, expected = with_features(network).predict(images, verbose=0)
    np.testing.assert_allclose(features, expected, atol=1e-6)
    np.testing.assert_allclose(probabilities, with_mirror_image(network).predict(images, verbose=0), atol=1e-6)


def test_it_is_read_again_in_safe_mode(network, images, tmp_path):
    averaged = with_mirror_image(network)
    averaged.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(again.predict(images, verbose=0), averaged.predict(images, verbose=0), atol=1e-6)


@pytest.fixture(scope="module")
def specification(tmp_path_factory):
    """What the builder is told of a trial that was trained for an epoch, its answers averaged; built once."""
    tmp_path = tmp_path_factory.mktemp("trial")
    folder, data = tmp_path / "draft", DataReference(name="digits", cache_dir=tmp_path)
    folder.mkdir()
    dataset = load_dataset(data)
    config = CONFIG | REPORT_POINT | {"flip_averaging": True, "weight_averaging": True}
    configuration = find_space("isolated", recipe="tuned").from_dict(config)
    answers = []
    job = make_job(
        tmp_path,
        plan=configuration.plan((28, 28, 1), 10),
        data=data,
        epochs=1,
        evaluate_test=True,
        batch_size=batch_size_of(configuration, None),
        training=training_of(configuration),
    )
    Trainer(send=answers.append, is_stopped=lambda trial: False).run(job)
    result = answers[-1]
    assert isinstance(result, Result), result
    measured = {"validation": result.validation, "test": result.test}
    return Specification(
        folder=folder,
        formats=("onnx", "litert"),
        part="trial",
        family="isolated",
        without=(),
        recipe="tuned",
        mirrored=True,
        config=config,
        labels=dataset.labels,
        image_shape=dataset.image_shape,
        seed=job.seed,
        limit=job.limit,
        weights=job.weights,
        backbone_weights=None,
        dataset=data.name,
        data_dir=None,
        cache_dir=tmp_path,
        image_size=None,
        color=False,
        dataset_sha256=dataset.sha256,
        known={
            name: Measured(confusion_matrix=each.confusion_matrix, cross_entropy=each.cross_entropy, loss=each.loss)
            for name, each in measured.items()
        },
        known_exactly=True,
    )


def test_every_format_has_the_averaged_answer_that_the_trial_was_measured_with(specification):
    dataset, folder = (
        load_dataset(DataReference(name="digits", cache_dir=specification.cache_dir)),
        specification.folder,
    )
    build(specification, lambda step: None)
    (folder / "labels.json").write_text(json.dumps(dataset.labels))
    with np.load(folder / "proof.npz") as proof:
        images, expected = proof["images"], proof["probabilities"]
    for name in ("saved_model", "onnx", "litert"):
        np.testing.assert_allclose(run_format(name, folder, images), expected, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(run_format("onnx", folder, images[:, :, ::-1]), expected, atol=1e-5)


def test_what_is_rebuilt_measures_as_the_trial_did(specification):
    dataset = load_dataset(DataReference(name="digits", cache_dir=specification.cache_dir))
    split = split_dataset(dataset, seed=specification.seed, limit=specification.limit)
    probabilities = rebuild(specification).predict(split.x_test, verbose=0)
    known = specification.known["test"]
    assert cross_entropy(probabilities, split.y_test) == pytest.approx(known.cross_entropy, rel=1e-5)
