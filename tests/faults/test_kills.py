"""kill -9 at any moment, then the same command again: nothing is lost, nothing is trained twice."""

import pytest

pytestmark = pytest.mark.long

WANTED = 60


def drawn(trials):
    """The configurations that were finished, by draw."""
    return {
        trial["user_attrs"]["draw"]: trial["config"]
        for trial in trials
        if "draw" in trial["user_attrs"] and trial["state"] in ("COMPLETE", "PRUNED")
    }


@pytest.mark.timeout(600)
def test_a_worker_killed_ten_times_leaves_the_study_of_an_undisturbed_one(
    new_place, terms, study, assert_whole, chance
):
    command = ("start", *terms, "--trials", WANTED, "--sampler", "random", "--pruner", "none", "--slots", 1)
    calm, stormy = new_place("calm"), new_place("stormy")
    calm.run(*command)
    for turn in range(10):
        worker = stormy.start(*command)
        if turn % 3:  # while it trains; else anywhere, from its first import on
            worker.await_line("started")
        worker.ended_within(chance.uniform(0.0, 0.6) if turn % 3 else chance.uniform(0.3, 3.0))
        worker.kill()
        assert stormy.trainers_are_gone()
    before = stormy.trials()
    assert sum(trial["state"] in ("COMPLETE", "PRUNED") for trial in before) < WANTED, "nothing was left to repair"
    stormy.run(*command)
    trials = stormy.trials()
    assert_whole(trials, WANTED)
    assert {trial["user_attrs"]["failure"] for trial in trials if trial["state"] == "FAIL"} <= {"interrupted"}
    assert drawn(trials) == drawn(calm.trials())
    assert stormy.trainers_are_gone()
    assert not list((stormy.home / "checkpoints" / study).iterdir())
