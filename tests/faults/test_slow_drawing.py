"""Figures that take far longer than training: nobody waits for them with a result in hand."""

import pytest

pytestmark = pytest.mark.long

SLOW = "1"  # seconds a figure takes


def test_failures_in_a_row_end_a_study_at_once_however_long_their_figures_take(place, terms, study):
    place.script(default="nan")
    worker = place.start("start", *terms, "--trials", 12, "--max-failures", 3, "--slots", 1, FAULT_DRAWING=SLOW)
    assert worker.wait() == 1
    status = place.json("status", study)
    assert (status["ended"], status["failed"], status["running"]) == ("failures", 3, 0)


def test_a_killed_worker_had_no_more_than_two_results_that_were_not_told(place, terms, assert_whole):
    command = ("start", *terms, "--trials", 11, "--slots", 1)
    worker = place.start(*command, FAULT_DRAWING=SLOW)
    worker.await_line("trial 6  epoch 1/")
    worker.kill()
    assert place.trainers_are_gone()
    assert [trial["state"] for trial in place.trials()[:5]] == ["COMPLETE"] * 5
    place.run(*command)
    assert_whole(place.trials(), 11)


def test_a_run_that_ended_well_says_so_however_long_the_study_s_page_takes(place, terms, study):
    """On a store that is slow, for one: the page reads all of it."""
    worker = place.start("start", *terms, "--trials", 2, "--slots", 1, FAULT_PAGE="60")
    assert worker.wait(45) == 0, worker.text()
    assert "does not answer" not in worker.text()
    assert place.json("status", study)["ended"] == "trials"
    assert not any((place.home / "workers").iterdir()), "a mark was left, as by a worker that had to leave trials"
