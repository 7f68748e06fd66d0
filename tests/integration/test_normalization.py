"""Batch normalisation as it is trained: one operation, with the results of Keras's own layer."""

import keras
import numpy as np
import pytest

from search_spaces import find_space
from search_spaces.build import build_model
from search_spaces.layers import BatchNormalization, Convolution, Dense, Dropout, Flatten
from search_spaces.plan import LayerPlan
from sweep.trainer import normalization
from sweep.trainer.normalization import with_fused_normalization

IMAGES = np.random.default_rng(0).integers(0, 256, (50, 12, 12, 1), dtype=np.uint8)
LABELS = np.random.default_rng(1).integers(0, 10, 50)


def residual():
    configuration = {"stem_filters": 16, "stem_kernel": 3, "stages": "1x32"}
    return find_space("residual").from_dict(configuration).plan((12, 12, 1), 10)


def dense_only():
    layers = (Flatten(), Dense(units=8), BatchNormalization(), Dense(units=10, activation="softmax"))
    return LayerPlan(image_shape=(12, 12, 1), classes=10, layers=layers)


def with_dropout():
    layers = (Convolution(filters=4), BatchNormalization(momentum=0.6), Dropout(rate=0.3), *dense_only().layers)
    return LayerPlan(image_shape=(12, 12, 1), classes=10, layers=layers)


def built(plan, policy="float32"):
    keras.config.set_dtype_policy(policy)
    keras.utils.set_random_seed(43)
    return build_model(plan)


def trained(model):
    model.compile(optimizer=keras.optimizers.SGD(0.05), loss="sparse_categorical_crossentropy", jit_compile=False)
    model.fit(IMAGES, LABELS, batch_size=16, epochs=2, shuffle=False, verbose=0)  # the last batch has two images
    return model


@pytest.fixture(autouse=True)
def _default_policy():
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("plan", [residual(), with_dropout()], ids=["residual", "dropout"])
def test_a_fused_network_is_trained_to_the_same_weights_and_answers(plan):
    expected, fused = trained(built(plan)), trained(with_fused_normalization(built(plan)))
    assert [each.path for each in fused.weights] == [each.path for each in expected.weights]
    for ours, theirs in zip(fused.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    np.testing.assert_allclose(fused.predict(IMAGES, verbose=0), expected.predict(IMAGES, verbose=0), atol=1e-3)


def test_its_statistics_and_scales_are_float32_under_bfloat16():
    fused = with_fused_normalization(built(residual(), "mixed_bfloat16"))
    assert {each.dtype for each in trained(fused).variables if each.name != "seed_generator_state"} == {"float32"}
    answer = fused.predict(IMAGES, verbose=0)
    np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-3)


def test_a_network_that_normalises_no_images_stays_as_it_is():
    model = built(dense_only())
    assert with_fused_normalization(model) is model


def test_on_a_gpu_networks_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(normalization.keras.distribution, "list_devices", lambda kind=None: ["gpu:0"])
    model = built(residual())
    assert with_fused_normalization(model) is model
