"""Trainers that die, hang, diverge or dawdle: each costs what the rules say, and never the worker."""

import signal
import time

import pytest


def attempts_of(trials, baseline):
    return [trial for trial in trials if trial["baseline"] == baseline]


@pytest.mark.parametrize(
    ("behaviour", "how"),
    [
        ("exit 137", "exit code 137"),
        ("kill itself", "signal 9"),
        pytest.param("crash at once", "exit code 1", marks=pytest.mark.long),
    ],
)
def test_a_trainer_that_dies_is_retried_as_often_as_allowed(place, terms, behaviour, how, assert_whole):
    place.script(trials={"0": behaviour})
    place.run("start", *terms, "--trials", 11)
    trials = place.trials()
    assert_whole(trials, 11)
    first, second = attempts_of(trials, "isolated-1")
    assert (first["user_attrs"]["failure"], second["attempt"], second["retry_of"]) == ("crash", 2, 0)
    assert how in first["user_attrs"]["failure_message"]


@pytest.mark.long
def test_a_trial_that_always_crashes_is_given_up_after_its_retries(place, terms):
    place.script(trials={"0": "exit 137", "10": "exit 137", "11": "kill itself"})
    place.run("start", *terms, "--trials", 11, "--max-retries", 1)
    trials = place.trials()
    assert [trial["state"] for trial in attempts_of(trials, "isolated-1")] == ["FAIL", "FAIL"]
    assert {trial["user_attrs"]["failure"] for trial in attempts_of(trials, "isolated-1")} == {"crash"}


@pytest.mark.long
def test_a_trainer_deaf_to_a_stop_is_killed_and_the_worker_leaves_within_ten_seconds(place, terms, assert_whole):
    place.script(trials={"0": "hang"})
    worker = place.start("start", *terms, "--trials", 10)
    worker.await_line("trial 0  epoch 1")
    pressed = time.monotonic()
    worker.signal_group(signal.SIGINT)
    assert worker.wait(12) == 130
    seconds = time.monotonic() - pressed
    assert 6.5 < seconds < 10
    assert place.trainers_are_gone()
    (cut,) = [trial for trial in place.trials() if trial["state"] == "FAIL"]
    assert cut["user_attrs"]["failure"] == "interrupted"
    place.run("start", *terms)
    assert_whole(place.trials(), 10)


@pytest.mark.long
def test_a_trial_that_diverged_is_neither_retried_nor_trained_again(place, terms, study):
    place.script(trials={"10": "nan"})
    place.run("create", *terms, "--trials", 12)
    config = {"l2": "0.02", "batch_norm": "true", "dropout": "0.4", "conv_layers": "3"}
    pairs = [f"{name}={value}" for name, value in config.items()]
    place.run("enqueue", study, *pairs)
    place.run("enqueue", study, *pairs)
    place.run("start", *terms)
    trials = place.trials()
    diverged, repeat = trials[10], trials[11]
    assert (diverged["state"], diverged["user_attrs"]["failure"]) == ("FAIL", "nan")
    assert (repeat["state"], repeat["user_attrs"]["failure"]) == ("FAIL", "repeat")
    assert repeat["intermediate_values"] == {}
    assert not [trial for trial in trials if trial["retry_of"] is not None]
    assert sum(trial["state"] in ("COMPLETE", "PRUNED") for trial in trials) == 12


@pytest.mark.long
def test_failures_in_a_row_end_a_study_until_a_start_takes_it_up_again(place, terms, study):
    place.script(default="nan")
    assert "Given up after 3 failures" in place.run("start", *terms, "--trials", 12, "--max-failures", 3, code=1)
    ended = place.json("status", study)
    assert (ended["ended"], ended["failed"], ended["running"]) == ("failures", 3, 0)
    place.script()
    place.run("join", study)
    assert place.json("status", study)["failed"] + place.json("status", study)["complete"] == 3
    place.run("start", *terms)
    after = place.json("status", study)
    assert (after["ended"], after["complete"] + after["pruned"]) == ("trials", 12)


@pytest.mark.long
def test_a_trial_past_its_time_limit_fails_and_is_not_retried(place, terms):
    place.script(trials={"0": "slow"})
    place.run("start", *terms, "--trials", 10, "--trial-timeout", "1s")
    first, *others = place.trials()
    assert (first["state"], first["user_attrs"]["failure"]) == ("FAIL", "time")
    assert not [trial for trial in others if trial["retry_of"] == 0]


@pytest.mark.long
def test_a_trainer_killed_while_it_writes_a_checkpoint_leaves_the_one_before_it(place, terms, assert_whole):
    place.script(trials={"0": "die in a checkpoint"}, epochs=3)
    worker = place.start("start", *terms, "--trials", 10)
    assert worker.wait() == 0
    trials = place.trials()
    assert_whole(trials, 10)
    _, retry = attempts_of(trials, "isolated-1")
    assert retry["user_attrs"]["resumed_from_epoch"] == 2
    assert retry["intermediate_values"].keys() == {"1", "2", "3"}
    assert place.checkpoints() == []


@pytest.mark.long
def test_a_trial_whose_checkpoint_is_damaged_begins_again_and_says_so(place, terms, assert_whole):
    place.script(trials={"0": "hang"})
    worker = place.start("start", *terms, "--trials", 10)
    worker.await_line("trial 0  epoch 1")
    worker.kill()
    assert place.trainers_are_gone()
    assert place.checkpoints() == ["0.npz"]
    checkpoint = place.home / "checkpoints" / "isolated-quick" / "0.npz"
    checkpoint.write_bytes(checkpoint.read_bytes()[:20])
    place.script()
    assert "trial 10  begins again: checkpoint 0.npz is damaged" in place.run("start", *terms)
    trials = place.trials()
    assert_whole(trials, 10)
    _, retry = attempts_of(trials, "isolated-1")
    assert retry["user_attrs"]["resumed_from_epoch"] == 0
    assert place.checkpoints() == []


@pytest.mark.long
def test_a_trainer_killed_right_after_its_result_has_not_lost_it(place, terms, assert_whole):
    place.script(default="die after the result")
    place.run("start", *terms, "--trials", 11)
    trials = place.trials()
    assert_whole(trials, 11)
    assert len(trials) == 11
    assert place.trainers_are_gone()
    assert place.checkpoints() == []
