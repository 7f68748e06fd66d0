"""Hosts whose clocks are wrong by an hour: nobody is taken for dead, and nothing ends early."""

import pytest

pytestmark = pytest.mark.long

HOUR = 3600


@pytest.mark.parametrize(("first_ahead", "second_ahead"), [(HOUR, -HOUR), (-HOUR, HOUR)], ids=["ahead", "behind"])
@pytest.mark.timeout(300)
def test_two_workers_whose_clocks_are_hours_apart_finish_one_study(
    new_place, postgres_url, terms, study, assert_whole, first_ahead, second_ahead
):
    place = new_place(storage=postgres_url)
    place.script(epochs=5, epoch_seconds=0.1)
    limits = ("--trials", 24, "--timeout", "20m", "--pruner", "none")
    first = place.start("start", *terms, *limits, FAULT_CLOCK=str(first_ahead))
    first.await_line("started")
    second = place.start("join", study, FAULT_CLOCK=str(second_ahead))
    second.await_line("started")
    assert [first.wait(), second.wait()] == [0, 0]
    trials = place.trials()
    assert_whole(trials, 24)
    assert len(trials) == 24, "a worker that lives was taken for dead"
    assert place.json("status", study)["ended"] == "trials"
    begun = sorted(trial["datetime_start"] for trial in trials)
    assert begun[0][:13] != begun[-1][:13], "both clocks were the same"


@pytest.mark.timeout(300)
def test_a_timeout_ends_both_workers_whose_clocks_are_hours_apart(new_place, postgres_url, terms, study):
    place = new_place(storage=postgres_url)
    place.script(default="slow", epochs=1000)
    first = place.start("start", *terms, "--trials", 10, "--timeout", "12s", FAULT_CLOCK=str(HOUR))
    first.await_line("started")
    second = place.start("join", study, FAULT_CLOCK=str(-HOUR))
    assert [first.wait(), second.wait()] == [0, 0]
    status = place.json("status", study)
    assert (status["ended"], status["running"]) == ("timeout", 0)
    trials = place.trials()
    open_baselines = [trial["baseline"] for trial in trials if trial["state"] == "WAITING"]
    assert len(open_baselines) == 10
    assert {trial["user_attrs"]["failure"] for trial in trials if trial["state"] == "FAIL"} == {"interrupted"}
