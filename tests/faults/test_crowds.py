"""Many workers at one study: exactly the budget, each reported experiment once."""

import pytest

pytestmark = pytest.mark.long


@pytest.mark.timeout(300)
def test_eight_workers_that_join_at_once_finish_exactly_the_budget(shared_place, terms, study, assert_whole):
    shared_place.run("create", *terms, "--trials", 40)
    workers = [shared_place.start("join", study) for _ in range(8)]
    assert [worker.wait() for worker in workers] == [0] * 8
    trials = shared_place.trials()
    assert_whole(trials, 40)
    assert len(trials) == 40
    assert shared_place.trainers_are_gone()


@pytest.mark.timeout(300)
def test_four_starts_at_one_instant_make_one_study(shared_place, terms, study, assert_whole):
    workers = [shared_place.start("start", *terms, "--trials", 24) for _ in range(4)]
    assert [worker.wait() for worker in workers] == [0] * 4, "".join(worker.text() for worker in workers)
    assert [each["study"] for each in shared_place.json("studies")] == [study]
    trials = shared_place.trials()
    assert_whole(trials, 24)
    assert len(trials) == 24
