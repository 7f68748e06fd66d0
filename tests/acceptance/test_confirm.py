"""`sweep confirm` as people run it: real processes and real fits, one study for all tests of this module."""

import json
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

STUDY = "digits"
CONFIRMING = "digits-confirm"
TERMS = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "2", "--batch-size", "16")
FULL = ("confirm", STUDY, "--seeds", 2, "--full", "--json")


@dataclass(frozen=True, kw_only=True)
class Life:
    """What was seen of a study that was confirmed, and of the same command once more, after all that could disturb."""

    original: list[dict[str, Any]]
    first: "CompletedProcess[str]"
    first_trials: list[dict[str, Any]]
    gc: "CompletedProcess[str]"
    started: "CompletedProcess[str]"
    joined: "CompletedProcess[str]"
    full_artifact: Path
    second: "CompletedProcess[str]"
    second_trials: list[dict[str, Any]]

    @property
    def document(self) -> Any:
        """What the first call printed."""
        return json.loads(self.first.stdout)


@pytest.fixture(scope="module")
def life(shared_workplace):
    place = shared_workplace
    place.sweep("start", "--study", STUDY, *TERMS, "--trials", 1)
    original = place.json("trials", STUDY)
    first = place.sweep(*FULL)
    assert first.returncode == 0, first.stderr
    first_trials = place.json("trials", CONFIRMING)
    gc = place.sweep("gc")
    started = place.sweep("start", "--study", CONFIRMING, *TERMS, "--trials", 9)
    joined = place.sweep("join", CONFIRMING)
    second = place.sweep(*FULL)
    return Life(
        original=original,
        first=first,
        first_trials=first_trials,
        gc=gc,
        started=started,
        joined=joined,
        full_artifact=place.home / "artifacts" / json.loads(first.stdout)["full"]["artifact_id"],
        second=second,
        second_trials=place.json("trials", CONFIRMING),
    )


def test_the_time_it_takes_is_told_before_anything_is_trained(life):
    lines = life.first.stderr.splitlines()
    assert lines[0] == "Confirming 1 of 'digits' with 2 seeds each (43 to 44): trial 0."
    assert lines[1].startswith("It takes about ")
    assert not any("epoch" in line for line in lines[:2])


def test_the_study_s_own_training_is_taken_over_and_another_seed_is_trained(life):
    (confirmed,) = life.document["confirmed"]
    own, other = confirmed["seeds"]
    assert (own["seed"], own["taken_over"], other["seed"], other["taken_over"]) == (43, True, 44, False)
    assert own["val_accuracy"] == life.original[0]["value"]
    assert life.first.stderr.count("epoch 1/2  val_accuracy") == 1
    assert confirmed["validation"]["mean"] == pytest.approx((own["val_accuracy"] + other["val_accuracy"]) / 2)
    assert confirmed["baseline"] == life.original[0]["baseline"] == "isolated-1"
    assert confirmed["difference"] is None  # to itself


def test_the_full_model_is_an_artifact_and_no_trial(life):
    full, (confirmed,) = life.document["full"], life.document["confirmed"]
    assert len(life.first_trials) == 2
    assert full["epochs"] == confirmed["epochs"]
    assert (full["trial"], full["seed"], full["config"]) == (0, 43, life.original[0]["config"])
    assert full["measured"]["test_accuracy"] > 0
    assert life.full_artifact.stat().st_size > 100_000


def test_the_same_command_again_trains_nothing_and_prints_the_same(life):
    assert life.second.returncode == 0, life.second.stderr
    assert life.second.stdout == life.first.stdout
    assert "epoch" not in life.second.stderr
    assert "full  " not in life.second.stderr


def test_whoever_works_on_the_confirming_study_finds_nothing_to_draw(life):
    assert (life.started.returncode, life.joined.returncode) == (0, 0), life.started.stderr + life.joined.stderr
    assert life.second_trials == life.first_trials
    assert [trial["state"] for trial in life.second_trials] == ["COMPLETE"] * 2
    assert all("draw" not in trial["user_attrs"] for trial in life.second_trials)


def test_the_full_model_outlasts_gc_and_every_later_run(life):
    assert life.gc.returncode == 0, life.gc.stderr
    assert life.full_artifact.exists()


def test_more_seeds_train_only_the_new_ones_and_people_read_a_table(life, shared_workplace):
    answer = shared_workplace.sweep("confirm", STUDY, "--seeds", 3)
    assert answer.returncode == 0, answer.stderr
    assert [line.split()[1] for line in answer.stderr.splitlines() if "started" in line] == ["2"]
    assert "isolated-1" in answer.stdout
    assert "±" in answer.stdout
    assert [trial["user_attrs"]["seed"] for trial in shared_workplace.json("trials", CONFIRMING)] == [43, 44, 45]


def test_a_confirming_study_is_not_confirmed(life, shared_workplace):
    answer = shared_workplace.sweep("confirm", CONFIRMING)
    assert answer.returncode == 2
    assert f"Run: sweep confirm {STUDY}" in answer.stderr
    assert len(shared_workplace.json("studies")) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("nosuch",), "No study named 'nosuch'"), ((STUDY, "--seeds", 0), "--seeds"), ((STUDY, "--top", 0), "--top")],
    ids=["unknown study", "no seed", "no finalist"],
)
def test_bad_input_is_refused(life, shared_workplace, arguments, said):
    answer = shared_workplace.sweep("confirm", *arguments)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_configuration_is_not_enqueued_where_only_confirmations_are(life, shared_workplace):
    pairs = ("conv_layers=3", "l2=0.02", "batch_norm=true", "dropout=off")
    answer = shared_workplace.sweep("enqueue", f"{STUDY}-confirm", *pairs)
    assert answer.returncode == 2
    assert f"Enqueue it in '{STUDY}'" in answer.stderr


def test_the_full_model_is_what_is_exported_and_it_proves_its_score(life, shared_workplace):
    answer = shared_workplace.sweep("export", STUDY, "--out", "model")
    assert answer.returncode == 0, answer.stderr
    assert "the full model" in answer.stderr
    folder = shared_workplace.folder / "model"
    metrics, config = (json.loads((folder / f"{name}.json").read_text()) for name in ("metrics", "config"))
    assert metrics["validation"] is None
    full = life.document["full"]
    assert metrics["test"]["accuracy"] == full["measured"]["test_accuracy"]
    assert config["model"] == {
        "part": "full", "study": f"{STUDY}-confirm", "trial": None, "seed": 43, "retrained": False
    }  # fmt: skip
    assert metrics["confirmed"]["seeds"] >= 2
    card = (folder / "MODEL_CARD.md").read_text()
    assert "Training and validation images were trained on together" in card
    assert "unrecorded" not in card


def test_max_disk_holds_for_the_full_model_too_and_is_said_before_it_is_trained(shared_workplace):
    """A network of more than 1 MB, whose only seed is taken over: the full training alone meets the limit."""
    shared_workplace.sweep("start", "--study", "narrow", *TERMS, "--epochs", 1, "--trials", 1)
    answer = shared_workplace.sweep("confirm", "narrow", "--seeds", 1, "--full", "--max-disk", "1MB")
    assert answer.returncode == 1
    assert "--max-disk 1.0 MB leaves" in answer.stderr
    assert "full  epoch" not in answer.stderr
