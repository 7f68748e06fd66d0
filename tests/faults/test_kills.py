"""kill -9 at any moment, then the same command again: nothing is lost, nothing is trained twice."""

import pytest

pytestmark = pytest.mark.long

WANTED_AND_KILLS = {"sqlite": (60, 10), "postgresql": (40, 6)}


@pytest.fixture(params=WANTED_AND_KILLS)
def wanted_and_kills(request):
    """Trials, kills, and the store they happen to."""
    storage = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    return WANTED_AND_KILLS[request.param], storage


@pytest.mark.timeout(600)
def test_a_worker_killed_again_and_again_leaves_the_study_of_an_undisturbed_one(
    new_place, terms, assert_whole, chance, drawn, wanted_and_kills
):
    (wanted, kills), storage = wanted_and_kills
    command = ("start", *terms, "--trials", wanted, "--sampler", "random", "--pruner", "none", "--slots", 1)
    calm, stormy = new_place("calm"), new_place("stormy", storage=storage)
    calm.run(*command)
    for turn in range(kills):
        worker = stormy.start(*command)
        if turn % 3:  # while it trains; else anywhere, from its first import on
            worker.await_line("started")
        worker.ended_within(chance.uniform(0.0, 0.6) if turn % 3 else chance.uniform(0.3, 3.0))
        worker.kill()
        assert stormy.trainers_are_gone()
    before = stormy.trials()
    assert sum(trial["state"] in ("COMPLETE", "PRUNED") for trial in before) < wanted, "nothing was left to repair"
    stormy.run(*command)
    trials = stormy.trials()
    assert_whole(trials, wanted)
    assert {trial["user_attrs"]["failure"] for trial in trials if trial["state"] == "FAIL"} <= {"interrupted"}
    assert drawn(trials) == drawn(calm.trials())
    assert stormy.trainers_are_gone()
    assert stormy.checkpoints() == []
