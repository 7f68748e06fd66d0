"""What a recipe holds fixed, and what a configuration says of its own training."""

import optuna
import pytest

from search_spaces import REPORT_POINT, find_space
from storage import locate, open_store
from sweep.errors import UsageError
from sweep.identity import ATTRIBUTE, Identity, refuse_another_identity
from sweep.preparation import Request, prepare, study_name
from sweep.recipe import RECIPES, Training, batch_size_of, in_words, training_of
from tests.identities import make_identity

GROUPED = {"l2": None, "batch_norm": True, "dropout": 0.2}
TUNED = {
    "learning_rate": 0.006,
    "schedule": "one-cycle",
    "batch_size": 64,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "augmentation": "flip-shift",
    "weight_averaging": True,
    "flip_averaging": True,
}


def test_a_configuration_without_a_recipe_is_trained_as_the_reports():
    configuration = find_space("grouped").from_dict(GROUPED)
    assert training_of(configuration) == Training()
    assert batch_size_of(configuration, 16) == 16


def test_a_tuned_configuration_says_how_it_is_trained():
    configuration = find_space("grouped", recipe="tuned").from_dict(GROUPED | TUNED)
    expected = {name: value for name, value in TUNED.items() if name not in ("batch_size", "flip_averaging")}
    assert training_of(configuration) == Training(**expected)
    assert batch_size_of(configuration, None) == 64


def test_a_model_that_looks_twice_costs_twice_once_it_is_trained():
    space = find_space("grouped", recipe="tuned")
    once, twice = (
        space.from_dict(GROUPED | TUNED | {"flip_averaging": averaging}).plan((28, 28, 1), 10)
        for averaging in (False, True)
    )
    assert (once.views, twice.views) == (1, 2)
    assert twice.forward_macs == 2 * once.forward_macs
    assert (twice.head_macs, twice.parameters) == (once.head_macs, once.parameters)


def test_the_reports_point_of_the_tuned_space_is_trained_as_the_reports():
    configuration = find_space("grouped", recipe="tuned").from_dict(GROUPED | REPORT_POINT)
    assert training_of(configuration) == Training()
    assert batch_size_of(configuration, None) == RECIPES["report"].batch_size


def test_behind_a_backbone_nothing_is_augmented_or_mirrored():
    space = find_space("pretrained", recipe="tuned")
    training = training_of(space.from_dict(space.reported[0].configuration))
    assert training.augmentation == "none"


def test_a_recipe_in_words_says_what_is_fixed():
    assert in_words(50, 5, 128) == "at most 50 epochs, patience 5, batches of 128"
    assert in_words(1, None, None) == "at most 1 epoch, no early stopping, batch size searched"


def test_an_identity_gives_its_search_space_and_survives_json():
    identity = make_identity(recipe="tuned", patience=None, batch_size=None, mirrored=False)
    assert identity.search_space.distributions["augmentation"].choices == ("none", "shift", "shift-erase")
    assert Identity.from_dict(identity.to_dict()) == identity
    assert make_identity().search_space.hash == find_space("isolated").hash


def test_a_study_older_than_mirror_images_is_the_same_study():
    identity = make_identity()
    study = optuna.create_study()
    old = {name: value for name, value in identity.to_dict().items() if name != "mirrored"}
    study.set_user_attr(ATTRIBUTE, old)
    assert Identity.from_dict(old) == identity
    refuse_another_identity(study, identity)


def _prepare(store, tmp_path, **changes):
    values = {"family": "isolated", "dataset": "digits", "limit": 40}
    return prepare(Request(**(values | changes)), store, cache=tmp_path)


@pytest.fixture
def store(tmp_path):
    with open_store(locate(None, tmp_path)) as opened:
        yield opened


def test_a_tuned_study_trains_all_its_epochs_and_searches_its_batch_size(store, tmp_path):
    prepared = _prepare(store, tmp_path, recipe="tuned")
    identity = prepared.identity
    assert (identity.epochs, identity.patience, identity.batch_size) == (20, None, None)
    assert not identity.mirrored
    assert identity.search_space.hash == prepared.space.hash == identity.space_hash
    assert "flip_averaging" not in prepared.space.distributions


@pytest.mark.parametrize("option", ["batch-size", "patience"])
def test_what_the_recipe_searches_or_has_not_is_refused_by_name(store, tmp_path, option):
    with pytest.raises(UsageError, match=f"--{option} 7.*choose --recipe report"):
        _prepare(store, tmp_path, recipe="tuned", **{option.replace("-", "_"): 7})


def test_a_quick_look_is_fewer_epochs_than_its_own_recipe_has():
    assert study_name(Request(family="isolated", recipe="tuned", epochs=20)) == "isolated"
    assert study_name(Request(family="isolated", recipe="tuned", epochs=19)) == "isolated-quick"
    assert study_name(Request(family="isolated", epochs=20)) == "isolated-quick"
