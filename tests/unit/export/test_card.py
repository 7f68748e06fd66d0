"""The model card: uncertainty, confusions, and what it says loudly."""

from dataclasses import replace
from pathlib import Path

import pytest

from sweep.export.candidate import Candidate
from sweep.export.card import wilson_interval, worst_confusions, write_card
from sweep.export.measures import Measured, part_document

MATRIX = [[90, 10], [3, 97]]
MEASURED = Measured(confusion_matrix=MATRIX, cross_entropy=0.2, loss=0.3)
PREPROCESSING = {"image_shape": [28, 28, 1], "background": "dark", "fit": "pad"}
CONFIG = {"family": "isolated", "conv_layers": 3, "l2": 0.001, "batch_norm": True, "dropout": None}


@pytest.fixture
def candidate(make_identity):
    return Candidate(
        study_name="isolated",
        trial=4,
        trained=4,
        part="trial",
        config=CONFIG,
        identity=make_identity(),
        seed=43,
        weights=Path("4.weights.npz"),
        measured={"best_epoch": 7},
        document={},
        confirmed=None,
    )


@pytest.fixture
def card():
    def write(candidate, *, before=None, formats=()):
        parts = {"validation": None if candidate.part == "full" else MEASURED, "test": MEASURED}
        metrics = {
            part: None
            if measured is None
            else part_document(measured, part=part, identity=candidate.identity, seed=candidate.seed)
            for part, measured in parts.items()
        } | {"confirmed": candidate.confirmed}
        versions = {"keras": "3.15.1"}
        return write_card(candidate, metrics, PREPROCESSING, versions=versions, formats=formats, before=before)

    return write


def test_the_interval_is_wilson_s():
    low, high = wilson_interval(0.935, 200)  # by hand: 0.892 to 0.962
    assert low == pytest.approx(0.8920, abs=1e-3)
    assert high == pytest.approx(0.9617, abs=1e-3)
    assert wilson_interval(1.0, 10) == pytest.approx((0.7225, 1.0), abs=1e-3)
    assert wilson_interval(0.0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)


def test_the_card_has_the_figures_with_their_uncertainty(candidate, card):
    text = card(candidate)
    assert "| accuracy on 200 test images | 93.50 %, standard error 1.74 points, 95 % interval 89.2" in text
    assert "shirt taken for shoe: 10 of 100 test images" in text
    assert "best epoch 7" in text
    assert "MIT licence" in text
    assert "trial 4 of study isolated" in text
    assert "quick look" not in text
    assert "seeds" not in text


def test_the_most_confused_pair_comes_first():
    pairs = worst_confusions({"confusion_matrix": MATRIX}, ("shirt", "shoe"))
    assert [(each.true, each.predicted, each.images) for each in pairs] == [("shirt", "shoe", 10), ("shoe", "shirt", 3)]
    assert worst_confusions({"confusion_matrix": [[1, 0], [0, 1]]}, ("shirt", "shoe")) == []


def test_a_quick_look_says_so_loudly(candidate, card, make_identity):
    text = card(replace(candidate, identity=make_identity(limit=700, epochs=4)))
    assert "> **This is a quick look, not a model to deploy.**" in text
    assert "at most 700 images for at most 4 epochs" in text


def test_a_confirmed_model_has_the_spread_over_its_seeds(candidate, card):
    text = card(replace(candidate, confirmed={"seeds": 3, "mean": 0.931, "std": 0.0021}))
    assert "| test accuracy over 3 seeds | 93.10 % ± 0.21 points" in text


def test_a_full_model_says_what_it_was_trained_on(candidate, card):
    text = card(replace(candidate, part="full", trial=None, trained=None))
    assert "trained on the validation images too" in text
    assert "validation images |" not in text


def test_a_model_trained_again_has_both_figures(candidate, card):
    before = {"validation": Measured(confusion_matrix=[[95, 5], [5, 95]], cross_entropy=0.2, loss=0.2)}
    text = card(candidate, before=before)
    assert "**Trained again for this export**" in text
    assert "95.00 % on 200 validation images" in text


@pytest.mark.parametrize(
    ("weights", "said"),
    [("imagenet", "keras.io/api/applications"), ("files abc", "files of your own"), ("none", "its weights: none")],
)
def test_the_licence_of_backbones_is_named(candidate, card, make_identity, weights, said):
    config = {"family": "pretrained", "backbone": "vgg16", "l2": None, "batch_norm": True, "dropout": None}
    identity = make_identity(family="pretrained", weights=weights)
    assert said in card(replace(candidate, config=config, identity=identity))


def test_names_from_outside_are_no_markup(candidate, card, make_identity):
    identity = make_identity(labels=("<b>|shirt", "[shoe](x)"), dataset="my`data`.npz")
    text = card(replace(candidate, identity=identity))
    assert "<b>" not in text
    assert r"\<b\>\|shirt" in text
    assert "`my'data'.npz`" in text
    assert "not known to sweep" in text
