"""Which network is exported, and what is said where its weights are missing."""

import sys

import pytest
from optuna.trial import TrialState, create_trial

from storage import locate, open_store
from storage.engines import without_optuna_warnings
from sweep.cli.main import run
from sweep.errors import UsageError, WorldError
from sweep.export.candidate import bring_weights, choose_model, refuse_missing_weights
from sweep.identity import ATTRIBUTE
from sweep.places import settle_place
from sweep.standing import CONFIRMS
from sweep.trial_files import TrialFiles

STUDY = "isolated"


@pytest.fixture
def store(tmp_path, make_identity, space):
    """A store with four trials: two complete, one that repeats the first, one that failed."""
    with open_store(locate(None, tmp_path), write=True) as opened, without_optuna_warnings():
        study = opened.create(STUDY, metric="validation accuracy")
        study.set_user_attr(ATTRIBUTE, make_identity().to_dict())
        for value, attributes in ((0.7, {"host": "far"}), (0.6, {}), (0.7, {"reused_from": 0})):
            trial = study.ask()
            trial.set_user_attr("config", space.suggest(trial).to_dict())
            for name, attribute in attributes.items():
                trial.set_user_attr(name, attribute)
            study.tell(trial, value)
        study.tell(study.ask(), state=TrialState.FAIL)
        yield opened


def test_the_best_trial_is_exported_unless_one_is_named(store, tmp_path, make_identity):
    best = choose_model(store, STUDY, None, home=tmp_path)
    assert (best.trial, best.part, best.seed, best.confirmed) == (0, "trial", 43, None)
    assert best.weights == tmp_path / "weights" / STUDY / "0.weights.npz"
    assert best.identity == make_identity()
    assert best.plan.classes == 2
    assert choose_model(store, STUDY, 1, home=tmp_path).trial == 1


def test_a_repeat_has_the_weights_and_measures_of_the_trial_it_repeats(store, tmp_path):
    repeat = choose_model(store, STUDY, 2, home=tmp_path)
    assert (repeat.trial, repeat.trained) == (2, 0)
    assert repeat.weights == choose_model(store, STUDY, 0, home=tmp_path).weights
    assert repeat.measured["host"] == "far"


def test_a_failed_trial_is_refused(store, tmp_path):
    with pytest.raises(UsageError, match="Trial 3 is FAIL; only complete trials can be exported: 0, 1, 2"):
        choose_model(store, STUDY, 3, home=tmp_path)


def test_missing_weights_are_named_with_those_that_are_here(store, tmp_path):
    candidate = choose_model(store, STUDY, 0, home=tmp_path)
    with pytest.raises(WorldError, match=r"trained on host far. No trial's are here. Train .*--retrain.*--format con"):
        refuse_missing_weights(store, candidate, home=tmp_path)
    candidate.weights.parent.mkdir(parents=True)
    candidate.weights.with_name("1.weights.npz").touch()
    with pytest.raises(WorldError, match=r"whose weights are here: 1\. Choose one of them with --trial, or train"):
        refuse_missing_weights(store, candidate, home=tmp_path)
    with pytest.raises(WorldError, match=r"trial 2, which repeats trial 0,"):
        refuse_missing_weights(store, choose_model(store, STUDY, 2, home=tmp_path), home=tmp_path)
    candidate.weights.touch()
    refuse_missing_weights(store, candidate, home=tmp_path)


@pytest.fixture
def elsewhere(store, tmp_path, bucket):
    """The study's files in another home, which shares a place with this one."""
    study = store.load(STUDY)
    settle_place(study, bucket.address, is_new=True)
    return TrialFiles.of(tmp_path / "elsewhere", study, store.location)


def copy_weights(files, number):
    files.weights(number).parent.mkdir(parents=True, exist_ok=True)
    files.weights(number).write_bytes(b"weights")
    files.shared.copy(files.weights(number))


def test_weights_of_another_home_are_brought_here(store, tmp_path, elsewhere):
    copy_weights(elsewhere, 0)
    candidate, told = choose_model(store, STUDY, 2, home=tmp_path), []
    for _ in range(2):  # the second time they are here
        assert bring_weights(store, candidate, home=tmp_path, note=told.append)
    assert candidate.weights.read_bytes() == b"weights"
    assert told == [f"Fetched {elsewhere.shared.url(elsewhere.weights(0))}."]


def test_missing_weights_are_named_with_those_that_the_place_has(store, tmp_path, elsewhere):
    copy_weights(elsewhere, 1)
    candidate = choose_model(store, STUDY, 0, home=tmp_path)
    assert not bring_weights(store, candidate, home=tmp_path, note=pytest.fail)
    with pytest.raises(WorldError, match=rf"whose weights are here or at {elsewhere.shared}: 1\. Choose one of them"):
        refuse_missing_weights(store, candidate, home=tmp_path)


def test_without_a_place_nothing_is_brought(store, tmp_path):
    assert not bring_weights(store, choose_model(store, STUDY, 0, home=tmp_path), home=tmp_path, note=pytest.fail)


@pytest.fixture
def rank(store, make_identity, space):
    """Confirm trials of the study with these validation accuracies; returns the confirming study."""
    confirming = store.create(f"{STUDY}-confirm", metric="validation accuracy")
    confirming.set_user_attr(ATTRIBUTE, make_identity().to_dict())
    confirming.set_user_attr(CONFIRMS, STUDY)
    config = store.load(STUDY).get_trials(deepcopy=False)[0].user_attrs["config"]

    def confirm(seed=43, **accuracies):
        for finalist, accuracy in accuracies.items():
            measured = {"val_accuracy": accuracy, "test_accuracy": accuracy, "best_epoch": 2}
            terms = {"confirms": int(finalist.removeprefix("trial_")), "seed": seed, "config": config}
            trial = create_trial(state=TrialState.COMPLETE, value=accuracy, user_attrs=terms | measured)
            confirming.add_trial(trial)
        return confirming

    confirm.config = config
    return confirm


def make_full(confirming, trial, config):
    """Record a full model of a finalist's network, without training it."""
    order = sum(name.startswith("full.") for name in confirming.user_attrs)
    facts = {"trial": trial, "baseline": None, "config": config, "seed": 43, "epochs": 2}
    record = facts | {"artifact_id": f"full-of-{trial}", "measured": {"test_accuracy": 0.5}}
    confirming.set_user_attr(f"full.{order:03}", record)


def test_a_full_model_is_exported_while_its_network_ranks_first(store, tmp_path, rank):
    make_full(rank(trial_1=0.6), 1, rank.config)
    chosen = choose_model(store, STUDY, None, home=tmp_path)
    assert (chosen.part, chosen.weights.name, chosen.passed_over) == ("full", "full-of-1", None)


def test_a_full_model_is_passed_over_once_another_network_ranks_first(store, tmp_path, rank):
    make_full(rank(trial_1=0.6), 1, rank.config)
    confirming = rank(trial_0=0.7)
    chosen = choose_model(store, STUDY, None, home=tmp_path)
    assert (chosen.study_name, chosen.part, chosen.trial) == (confirming.study_name, "trial", 1)
    assert confirming.get_trials(deepcopy=False)[chosen.trial].user_attrs["confirms"] == 0
    assert chosen.passed_over.trial == 1
    assert choose_model(store, STUDY, 1, home=tmp_path).passed_over is None  # asked for by its number


def test_an_older_full_model_serves_again_when_its_network_ranks_first_again(store, tmp_path, rank):
    make_full(rank(trial_1=0.6), 1, rank.config)
    make_full(rank(trial_0=0.7), 0, rank.config)
    assert choose_model(store, STUDY, None, home=tmp_path).weights.name == "full-of-0"
    rank(seed=44, trial_1=0.9)
    chosen = choose_model(store, STUDY, None, home=tmp_path)
    assert (chosen.weights.name, chosen.passed_over) == ("full-of-1", None)


@pytest.mark.parametrize("name", [STUDY, f"{STUDY}-confirm"])
def test_export_says_which_full_model_it_passed_over_and_how_to_make_a_new_one(
    store, tmp_path, rank, monkeypatch, capsys, name
):
    make_full(rank(trial_1=0.6), 1, rank.config)
    rank(trial_0=0.7)
    monkeypatch.setattr(sys, "argv", ["sweep", "export", name, "--out", "model", "--home", str(tmp_path)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):  # there are no weights here
        run()
    told = capsys.readouterr().err
    assert "The full model is of trial 1's network, and another one ranks first now" in told
    assert f"sweep confirm {STUDY} --full --home" in told
