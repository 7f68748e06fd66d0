"""`sweep confirm` beside a full model whose network ranks first no longer."""

import pytest

from storage import locate, open_store
from storage.engines import without_optuna_warnings
from sweep.confirming.pairs import choose_finalists, create_or_extend, pairs_of
from sweep.identity import read_identity
from tests.unit.cli.conftest import STUDY


@pytest.fixture
def confirmed(one_complete):
    """The best trial, 0, is confirmed with the study's own seed; the full model is of the network of a given trial."""

    def make_full_of(number):
        with open_store(locate(None, one_complete), write=True) as store, without_optuna_warnings():
            study = store.load(STUDY)
            identity = read_identity(study)
            pairs = pairs_of(choose_finalists(study, top=1, baselines=False), identity, seeds=1)
            confirming, _ = create_or_extend(store, STUDY, identity.search_space, identity, pairs)
            trial = confirming.ask()
            config = study.get_trials(deepcopy=False)[0].user_attrs["config"]
            measured = {"config": config, "val_accuracy": 0.5, "test_accuracy": 0.5, "best_epoch": 1}
            for name, value in measured.items():
                trial.set_user_attr(name, value)
            confirming.tell(trial, 0.5)
            facts = {"trial": number, "baseline": None, "config": config, "seed": 43, "epochs": 1}
            made = {"artifact_id": "full", "measured": {"test_accuracy": 0.5}}
            confirming.set_user_attr("full.000", facts | made)

    return make_full_of


def test_confirm_says_that_another_network_ranks_first_now_and_how_to_make_a_full_model_of_it(sweep, confirmed):
    confirmed(7)
    outcome = sweep("confirm", STUDY, "--seeds", "1")
    assert outcome.code == 0, outcome.err
    assert "The full model is of trial 7's network, and another one ranks first now." in outcome.err
    assert f"sweep confirm {STUDY} --full" in outcome.err
    assert "Full model: " not in outcome.err
    page = sweep("report", STUDY, "--out", "-", "--format", "md").out
    assert "Another network than the full model's ranks first." in page
    assert "It has none yet: " in page


def test_confirm_shows_the_full_model_of_the_network_that_ranks_first(sweep, confirmed):
    confirmed(0)
    outcome = sweep("confirm", STUDY, "--seeds", "1")
    assert outcome.code == 0, outcome.err
    assert "Full model: trial 0's network, 1 epochs on training and validation images, 50.00%" in outcome.err
    assert "ranks first now" not in outcome.err
    assert "It has none yet: " not in sweep("report", STUDY, "--out", "-", "--format", "md").out
