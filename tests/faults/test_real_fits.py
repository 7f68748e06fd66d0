"""Faults that hit real fits: killed in mid-epoch, cut, poisoned, out of disk; each trial ends as an undisturbed one."""

import json
import signal
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scripted_place import Place

from sweep.data.dataset import DataReference, load_dataset

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

STUDY = "isolated-quick"
TERMS = ("--family", "isolated", "--dataset", "digits.npz", "--limit", 40, "--batch-size", 32, "--epochs", 3)
OPTIONS = ("--patience", 3, "--pruner", "none", "--deterministic", "--precision", "float32", "--slots", 1)
COMMAND = ("start", *TERMS, *OPTIONS)
CALM_TRIALS = 2
KEPT = 3  # best trials whose weights are kept, besides the reported experiments'

# The ten reported experiments come first, then what is tried again, then a drawn one. Trial 10 tries trial 0 again.
FAULTS = {
    "0": "kill trainer",
    "1": "kill worker",
    "2": "kill both",
    "3": "kill trainer before its first epoch",
    "4": "terminate worker",
    "5": "press Ctrl-C",
    "6": "damage checkpoint",
    "7": "truncate checkpoint",
    "8": "exit 137",
    "9": "full disk",
    "10": "press Ctrl-C, deaf",
    "drawn": "nan",
}
EXIT_CODES = [-signal.SIGKILL, -signal.SIGKILL, 143, 130, 130, 0]  # after trials 1, 2, 4, 5 and 10, and at the end
CRASHED, INTERRUPTED = {0, 3, 6, 7, 8}, {1, 2, 4, 5, 10}


@dataclass(frozen=True, kw_only=True)
class Life:
    """What was seen of a study that met every fault, and of one that met none."""

    place: Place
    exit_codes: list[int]
    committed: list[str]
    output: str
    all_gone: bool
    trials: list[dict[str, Any]]
    undisturbed: list[dict[str, Any]]

    def last_attempt(self, number):
        """The attempt at a trial that ended it."""
        while retries := [trial for trial in self.trials if trial["retry_of"] == number]:
            (retry,) = retries
            number = retry["number"]
        return self.trials[number]


@pytest.fixture(scope="module")
def life(new_lasting_place):
    """Twelve faults in one study, each met by a fit; whenever its worker is gone the same command follows."""
    calm, stormy = new_lasting_place("calm"), new_lasting_place("stormy")
    loaded = load_dataset(DataReference(name="digits", cache_dir=calm.folder))
    digits = {name: getattr(loaded, name) for name in ("x_train", "y_train", "x_test", "y_test")}  # loaded at once
    for place in (calm, stormy):
        place.environment |= {"TRAINER_MODULE": "faulty_fits", "FITS_NARROW": "1"}
        np.savez(place.folder / "digits.npz", **digits)
    calm.run(*COMMAND, "--trials", CALM_TRIALS)
    exit_codes, output, all_gone = [], "", True
    while not exit_codes or (exit_codes[-1] != 0 and len(exit_codes) < len(EXIT_CODES)):
        worker = stormy.start(*COMMAND, "--trials", 11, FAULTY_FITS=json.dumps(FAULTS))
        exit_codes.append(worker.wait())
        output += worker.text()
        all_gone = all_gone and stormy.trainers_are_gone()
    return Life(
        place=stormy,
        exit_codes=exit_codes,
        committed=(stormy.folder / "faults.log").read_text().splitlines(),
        output=output,
        all_gone=all_gone,
        trials=stormy.trials(),
        undisturbed=calm.trials(),
    )


def test_every_fault_was_met_by_a_fit_and_the_last_command_came_to_the_end(life):
    drawn = [line for line in life.committed if line.endswith(" nan")]
    assert [line for line in life.committed if line not in drawn] == [
        f"{number} {fault}" for number, fault in FAULTS.items() if number != "drawn"
    ]
    assert len(drawn) == 1
    assert life.exit_codes == EXIT_CODES, life.output


def test_no_trial_is_lost_and_none_is_trained_twice(life, assert_whole):
    assert_whole(life.trials, 11)
    assert "WAITING" not in {trial["state"] for trial in life.trials}


def test_each_cut_trial_says_why_it_was_cut(life):
    failures = {trial["number"]: trial["user_attrs"]["failure"] for trial in life.trials if trial["state"] == "FAIL"}
    diverged = {number for number, failure in failures.items() if failure == "nan"}
    assert len(diverged) == 1
    expected = dict.fromkeys(CRASHED, "crash") | dict.fromkeys(INTERRUPTED, "interrupted")
    assert {number: failure for number, failure in failures.items() if number not in diverged} == expected
    assert "signal 9" in life.trials[0]["user_attrs"]["failure_message"]
    assert "exit code 137" in life.trials[8]["user_attrs"]["failure_message"]
    assert not [trial for trial in life.trials if trial["retry_of"] in diverged]


def test_a_retry_goes_on_after_the_last_whole_epoch(life):
    resumed = {number: life.last_attempt(number)["user_attrs"]["resumed_from_epoch"] for number in (1, 2, 4, 5, 8)}
    assert resumed == dict.fromkeys((1, 2, 4, 5, 8), 1)
    assert life.trials[10]["user_attrs"]["resumed_from_epoch"] == 1
    assert all(life.last_attempt(number)["user_attrs"]["epochs_run"] == 3 for number in range(10))


def test_a_retry_without_a_whole_checkpoint_begins_again_and_says_so(life):
    for number in (3, 6, 7):
        assert life.last_attempt(number)["user_attrs"]["resumed_from_epoch"] == 0
    assert life.output.count("begins again: there is no checkpoint on this host") == 1
    for number in (6, 7):
        assert f"begins again: checkpoint {number}.npz is damaged" in life.output


@pytest.mark.parametrize("number", range(CALM_TRIALS))
def test_a_cut_trial_ends_with_the_numbers_of_an_undisturbed_one(life, number):
    stormy, calm = life.last_attempt(number)["user_attrs"], life.undisturbed[number]["user_attrs"]
    for measure in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert stormy["history"][measure] == calm["history"][measure]
    for name in ("best_epoch", "val_confusion_matrix", "val_cross_entropy", "test_confusion_matrix", "test_loss"):
        assert stormy[name] == calm[name]
    assert life.last_attempt(number)["intermediate_values"] == life.undisturbed[number]["intermediate_values"]


def test_a_full_disk_costs_the_weights_and_not_the_trial(life):
    assert life.trials[9]["state"] == "COMPLETE"
    assert "trial 9  its weights could not be written" in life.output


def test_nothing_is_left_behind_but_the_weights_that_are_kept(life):
    assert life.all_gone
    assert life.place.checkpoints() == []
    complete = [trial for trial in life.trials if trial["state"] == "COMPLETE"]
    best = sorted(complete, key=lambda trial: (-trial["value"], trial["number"]))[:KEPT]
    kept = {trial["number"] for trial in complete if trial["baseline"]} | {trial["number"] for trial in best}
    weights = {path.name for path in (life.place.home / "weights" / STUDY).iterdir()}
    assert weights == {f"{number}.weights.npz" for number in kept - {9}}
