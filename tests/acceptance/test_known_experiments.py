"""The first thing a user does: the report's experiments, then something new, on Fashion-MNIST."""

import json
import time

import pytest
from optuna_dashboard import get_note

from search_spaces import find_space
from storage import locate, open_store
from storage.artifacts import records_of

STUDY = "isolated-quick"
# What `contract.md` promises of every trial that was trained.
ATTRIBUTES = {
    "quick_look",
    "attempt",
    "epochs_run",
    "best_epoch",
    "val_accuracy",
    "val_loss",
    "val_cross_entropy",
    "val_precision",
    "val_recall",
    "val_f1",
    "val_rmse",
    "parameters",
    "trainable_parameters",
    "forward_macs",
    "train_seconds",
    "images_per_second",
    "dtype_policy",
    "backend",
    "device",
    "host",
    "seed",
}


@pytest.fixture(scope="module")
def place(known_experiments):
    return known_experiments[0]


@pytest.fixture(scope="module")
def trials(place):
    return place.json("trials", STUDY)


def test_one_command_trains_what_was_asked_for(known_experiments):
    _, answer = known_experiments
    assert answer.returncode == 0, answer.stderr
    assert "11 of 11 trials" in answer.stderr
    assert "isolated-10" in answer.stdout


def test_the_terminal_shows_nothing_of_tensorflow(known_experiments):
    place, answer = known_experiments
    assert "tensorflow" not in (answer.stdout + answer.stderr).lower()
    assert "cuda" not in (answer.stdout + answer.stderr).lower()
    assert (place.home / "logs" / "trainer-0.log").is_file()


def test_the_reported_experiments_come_first_and_in_order(trials):
    reported = find_space("isolated").reported
    assert len(reported) == 10
    assert [trial["baseline"] for trial in trials] == [*(experiment.id for experiment in reported), None]
    space = find_space("isolated")
    assert [trial["config"] for trial in trials[:10]] == [
        space.from_dict(experiment.configuration).to_dict() for experiment in reported
    ]


def test_the_next_trial_is_drawn_from_the_space(trials):
    last = trials[10]
    assert last["user_attrs"]["draw"] == 1
    assert find_space("isolated").from_dict(last["config"]).to_dict() == last["config"]
    assert last["params"].keys() == find_space("isolated").distributions.keys()


def test_every_trial_is_complete_and_says_what_it_measured(trials):
    assert [trial["state"] for trial in trials] == ["COMPLETE"] * 11
    for trial in trials:
        attributes = trial["user_attrs"]
        assert attributes.keys() >= ATTRIBUTES
        assert trial["value"] == attributes["val_accuracy"]
        assert 0 <= trial["value"] <= 1
        assert attributes["quick_look"] is True
        assert (attributes["seed"], attributes["attempt"]) == (43, 1)
        assert sum(map(sum, attributes["val_confusion_matrix"])) == 100
        assert trial["intermediate_values"].keys() == {"1"}


def test_test_images_are_measured_for_reported_experiments_only(trials):
    assert all("test_accuracy" in trial["user_attrs"] for trial in trials[:10])
    assert not [name for name in trials[10]["user_attrs"] if name.startswith("test_")]


def test_the_status_tells_the_same(place, trials):
    document = place.json("status", STUDY)
    assert document["study"] == STUDY
    assert (document["complete"], document["trials_wanted"], document["ended"]) == (11, 11, "trials")
    assert [document[name] for name in ("pruned", "running", "waiting", "failed")] == [0, 0, 0, 0]
    best = max(trials, key=lambda trial: (trial["value"], -trial["number"]))
    assert document["best"] == {"number": best["number"], "value": best["value"]}
    shown = place.json("show", STUDY, best["number"])
    found = shown.pop("artifacts")
    assert found
    assert all(each["exists"] for each in found)
    assert shown == best
    (row,) = place.json("studies")
    assert (row["study"], row["family"], row["complete"]) == (STUDY, "isolated", 11)


def test_every_trial_leaves_its_figures_and_tables(place, trials):
    best_so_far = 0.0
    with open_store(locate(None, place.home)) as store:
        left = [records_of(trial) for trial in store.load(STUDY).trials]
    for trial, found in zip(trials, left, strict=True):
        best_so_far = max(best_so_far, trial["value"])
        pictures = ["1-learning-curves.png", "2-confusion-matrix.png", "4-worst-confusions.png", "6-network.png"]
        tables = ["3-classes.csv", "7-history.csv"]
        scatter = ["5-features.png"] if trial["baseline"] or trial["value"] >= best_so_far else []
        test = ["8-test-confusion-matrix.png", "9-test-classes.csv"] if trial["baseline"] else []
        assert [each.filename for each in found] == sorted(pictures + tables + scatter + test)
        assert all((place.home / "artifacts" / each.artifact_id).is_file() for each in found)


def test_show_draws_the_curve_and_names_the_files(place):
    shown = place.sweep("show", STUDY, 0).stdout
    assert "● validation" in shown
    assert f"6-network.png                   {place.home}/artifacts/" in shown


def test_no_quick_look_gets_a_verdict(place):
    rows = place.json("baselines", STUDY)
    assert [row["id"] for row in rows] == [experiment.id for experiment in find_space("isolated").reported]
    assert {row["verdict"] for row in rows} == {"quick look"}
    assert all(row["reproduced"]["test_accuracy"] is not None for row in rows)


def test_the_study_s_page_in_the_dashboard_has_a_note_and_plots(place):
    with open_store(locate(None, place.home)) as store:
        study = store.load(STUDY)
        note = get_note(study)
        attributes = study._storage.get_study_system_attrs(study._study_id)
    assert "11 of 11 trials finished" in note
    assert "| isolated-10 | 92.63 |" in note
    assert {key.split(":")[2] for key in attributes if key.startswith("dashboard:plot_data:")} == {
        "accuracy-against-cost",
        "reported-against-reproduced",
    }


def test_the_best_configuration_is_exported(place, tmp_path):
    assert place.sweep("export", STUDY, "--format", "config", "--out", tmp_path / "best.json").returncode == 0
    document = json.loads((tmp_path / "best.json").read_text())
    number = place.json("status", STUDY)["best"]["number"]
    trial = place.json("show", STUDY, number)
    assert (document["schema_version"], document["trial"], document["config"]) == (1, number, trial["config"])
    assert document["metrics"]["val_accuracy"] == trial["value"]
    assert (document["recipe"]["epochs"], document["data"]["limit"], document["quick_look"]) == (1, 100, True)


def test_the_same_command_again_trains_nothing(copy_of_known_experiments, trials, first_run):
    place = copy_of_known_experiments
    before = time.monotonic()
    answer = place.sweep(*first_run)
    assert answer.returncode == 0, answer.stderr
    assert time.monotonic() - before < 20
    assert place.json("trials", STUDY) == trials


def test_a_larger_budget_goes_on_from_there(copy_of_known_experiments, trials, first_run):
    place = copy_of_known_experiments
    assert place.sweep(*first_run[:-1], 12).returncode == 0
    now = place.json("trials", STUDY)
    assert now[:11] == trials
    assert [(trial["state"], trial["user_attrs"]["draw"]) for trial in now[11:]] == [("COMPLETE", 2)]


def test_a_study_that_is_good_enough_already_trains_nothing(copy_of_known_experiments, trials, first_run):
    place = copy_of_known_experiments
    assert place.sweep(*first_run[:-1], 20, "--until", 0.01).returncode == 0
    assert place.json("trials", STUDY) == trials
    assert place.json("status", STUDY)["ended"] == "until"
