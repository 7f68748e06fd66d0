"""Networks of every family, trained for an epoch, built again from the weights that were kept."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest

from search_spaces import find_space
from search_spaces.build import build_frozen
from sweep.data.dataset import DataReference, load_dataset
from sweep.errors import WorldError
from sweep.export.build import build, rebuild
from sweep.export.measures import Measured
from sweep.export.specification import Specification
from sweep.messages import Job, Result
from sweep.trainer import training
from sweep.trainer.training import Trainer
from sweep.trainer.weights import WeightsError, read_weights

CONFIGS = {
    "isolated": {"conv_layers": 3, "l2": 0.001, "batch_norm": True, "dropout": 0.2},
    "grouped": {"l2": None, "batch_norm": True, "dropout": 0.2},
    "pretrained": {"backbone": "vgg16", "l2": 0.001, "batch_norm": True, "dropout": None},
    "residual": {"stem_filters": 16, "stem_kernel": 3, "stages": "1x32"},
}
PRECISIONS = {
    "isolated": "float32",
    "grouped": "mixed_bfloat16",
    "pretrained": "mixed_bfloat16",
    "residual": "mixed_bfloat16",
}
LIMIT = 20


@pytest.fixture(autouse=True)
def _fresh_keras():
    yield
    keras.config.set_dtype_policy("float32")
    keras.backend.clear_session()


@pytest.fixture
def data(tmp_path):
    return DataReference(name="digits", cache_dir=tmp_path)


@pytest.fixture
def specification(data, tmp_path, trained):
    """What the builder is told of a trial of this family that left its weights."""
    dataset = load_dataset(data)
    folder = tmp_path / "draft"
    folder.mkdir()

    def make(family, **changes):
        values = {
            "folder": folder,
            "formats": (),
            "part": "trial",
            "family": family,
            "without": (),
            "recipe": "report",
            "mirrored": True,
            "config": CONFIGS[family],
            "labels": dataset.labels,
            "image_shape": dataset.image_shape,
            "seed": 43,
            "limit": LIMIT,
            "weights": trained(family).weights,
            "backbone_weights": None,
            "dataset": "digits",
            "data_dir": None,
            "cache_dir": tmp_path,
            "image_size": None,
            "color": False,
            "dataset_sha256": dataset.sha256,
            "known": {},
            "known_exactly": True,
        }
        return Specification(**(values | changes))

    return make


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedNetwork:
    """The network that was measured, as a whole, what came of its trial, and its file of weights."""

    model: keras.Model
    result: Result
    weights: Path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Networks of families, trained for an epoch when a test first asks for them; not to be changed."""
    known = {}

    def get(family):
        if family not in known:
            known[family] = _train(family, tmp_path_factory.mktemp(family))
        return known[family]

    return get


def _train(family, folder):
    built, answers = [], []

    def recorded(real):
        def build(*arguments, **settings):
            built.append(real(*arguments, **settings))
            return built[-1]

        return build

    job = Job(
        trial=7,
        plan=find_space(family).from_dict(CONFIGS[family]).plan((28, 28, 1), 10),
        data=DataReference(name="digits", cache_dir=folder),
        seed=43,
        limit=LIMIT,
        epochs=1,
        patience=5,
        batch_size=10,
        precision=PRECISIONS[family],
        deterministic=False,
        backbone_weights=None,
        evaluate_test=True,
        checkpoint=folder / "7.npz",
        resume_from=None,
        weights=folder / "7.weights.npz",
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("build_model", "build_head"):
            patch.setattr(training, name, recorded(getattr(training, name)))
        Trainer(send=answers.append, is_stopped=lambda trial: False).run(job)
    assert isinstance(answers[-1], Result), answers[-1]
    if job.plan.backbone is not None:  # only its head was built, on features
        keras.utils.set_random_seed(job.seed)
        built.append(keras.Sequential([build_frozen(job.plan), built[-1]]))
    return TrainedNetwork(model=built[-1], result=answers[-1], weights=job.weights)


@pytest.mark.parametrize("family", CONFIGS)
def test_a_network_built_from_its_weights_says_what_the_trained_one_said(trained, specification, data, family):
    wanted = specification(family)
    keras.config.set_dtype_policy(PRECISIONS[family])  # as another process may have it
    images = load_dataset(data).x_test[:50]
    rebuilt = rebuild(wanted)
    assert {layer.compute_dtype for layer in rebuilt.layers if layer.weights} == {"float32"}
    expected = trained(family).model.predict(images, verbose=0)
    np.testing.assert_allclose(rebuilt.predict(images, verbose=0), expected, atol=1e-6)


@pytest.mark.parametrize("family", ["isolated", "residual"])
def test_a_model_is_written_with_what_it_says_of_test_images(trained, specification, data, family):
    model, result = trained(family).model, trained(family).result
    known = {
        part: Measured(confusion_matrix=each.confusion_matrix, cross_entropy=each.cross_entropy, loss=each.loss)
        for part, each in (("validation", result.validation), ("test", result.test))
    }
    wanted, steps = specification(family, known=known, formats=("onnx", "litert")), []
    facts = build(wanted, steps.append)
    assert facts["parts"]["validation"]["cross_entropy"] == result.validation.cross_entropy
    assert facts["preprocessing"] == {"image_shape": [28, 28, 1], "background": "dark", "fit": "pad"}
    assert not [step for step in steps if "measured" in step]
    with np.load(wanted.folder / "proof.npz") as proof:
        np.testing.assert_array_equal(proof["images"], load_dataset(data).x_test[:256])
        np.testing.assert_allclose(proof["probabilities"], model.predict(proof["images"], verbose=0), atol=1e-6)
    assert {path.name for path in wanted.folder.iterdir()} == {
        "model.keras",
        "model.onnx",
        "model.tflite",
        "saved_model",
        "proof.npz",
    }


def test_what_a_gpu_measured_is_measured_again(trained, specification):
    of_test = trained("isolated").result.test
    known = Measured(
        confusion_matrix=of_test.confusion_matrix, cross_entropy=of_test.cross_entropy * 1.001, loss=of_test.loss
    )
    facts = build(specification("isolated", known={"test": known}, known_exactly=False), lambda step: None)
    assert facts["parts"]["test"]["cross_entropy"] == pytest.approx(of_test.cross_entropy, rel=1e-5)
    assert list(facts["parts"]) == ["test"]  # what nobody knows is left to the proof
    other = Measured(confusion_matrix=of_test.confusion_matrix, cross_entropy=of_test.cross_entropy + 1, loss=1.0)
    with pytest.raises(WorldError, match="The rebuilt network is not the one that was measured"):
        build(specification("isolated", known={"test": other}, known_exactly=False), lambda step: None)


def test_other_images_are_refused(specification):
    with pytest.raises(WorldError, match="has other images than the study was made with"):
        build(specification("isolated", dataset_sha256="0" * 64), lambda step: None)
    with pytest.raises(WorldError, match="has other class names than the study was made with"):
        build(specification("isolated", labels=tuple("abcdefghij")), lambda step: None)


def test_weights_of_another_network_are_refused_by_name(specification, tmp_path):
    wanted = specification("grouped")
    model = rebuild(wanted)
    with np.load(wanted.weights) as file:
        arrays = dict(file)
    arrays["probabilities/kernel"] = arrays["probabilities/kernel"][:5]
    del arrays["dense_1/kernel"]
    arrays["dense_9/kernel"] = np.zeros(3, np.float32)
    arrays["dense_2/bias"][0] = np.nan
    np.savez(tmp_path / "other.npz", **arrays)
    before = model.get_weights()
    with pytest.raises(
        WeightsError,
        match=r"missing: dense_1/kernel; not in the network: dense_9/kernel; "
        r"of another shape: probabilities/kernel \(5, 10\), expected \(768, 10\); not finite: dense_2/bias",
    ):
        read_weights(model, tmp_path / "other.npz")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_damaged_or_missing_file_of_weights_is_refused(specification, tmp_path):
    wanted = specification("isolated")
    model = rebuild(wanted)
    content = wanted.weights.read_bytes()
    for cut in (0, 10, len(content) // 2, len(content) - 10):
        (tmp_path / "cut.npz").write_bytes(content[:cut])
        with pytest.raises(WeightsError, match="damaged"):
            read_weights(model, tmp_path / "cut.npz")
    with pytest.raises(WeightsError, match="No such file"):
        read_weights(model, tmp_path / "missing.npz")


def test_a_specification_travels_as_one_line(specification):
    known = {"test": Measured(confusion_matrix=[[1, 0], [0, 1]], cross_entropy=0.1, loss=0.2)}
    wanted = specification("isolated", known=known, formats=("onnx",))
    line = wanted.to_json()
    assert "\n" not in line
    assert Specification.from_json(line) == wanted
