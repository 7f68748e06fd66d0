"""kill -9 of a worker at every stage of a trial's life, then the same command again: nothing was lost."""

import signal
from collections import Counter

import pytest

pytestmark = pytest.mark.long

WANTED = 13
LOST_AT_ONCE = 2  # the trial at work, and the one before it, whose evidence may still be on its way
OPTIONS = ("--trials", WANTED, "--sampler", "random", "--pruner", "none", "--slots", 1)
FIRST_DRAWN = 11  # the claim that is the first to be sampled
PARAMETERS = 4  # of a trial

# The calls of a whole run in their order: ten reported experiments, then three drawn configurations.
STAGES = {
    "a study was made and has no terms": "create_new_study::after:1",
    "four of ten experiments are enqueued": "create_new_trial:'baseline':after:4",
    "the queue is there, nobody is at work": "set_study_user_attr:run.:before:1",
    "an experiment was asked for": "set_trial_state_values:RUNNING:after:3",
    "a trial to be drawn was asked for": f"create_new_trial::after:{FIRST_DRAWN}",
    "it has a draw": "set_trial_user_attr:'draw':after:1",
    "it has an attempt": "set_trial_user_attr:'attempt':after:1",
    "its worker has its name on it": f"set_trial_user_attr:'worker':after:{FIRST_DRAWN}",
    "half of its parameters are drawn": f"set_trial_param::after:{PARAMETERS * (FIRST_DRAWN - 1) + 2}",
    "all parameters are drawn": f"set_trial_user_attr:'config':before:{FIRST_DRAWN}",
    "it has a configuration, and no trainer": f"set_trial_user_attr:'config':after:{FIRST_DRAWN}",
    "a trainer has it, and reported nothing": f"set_trial_user_attr:'git_commit':after:{FIRST_DRAWN}",
    "its first epoch is about to be reported": f"set_trial_intermediate_value::before:{3 * (FIRST_DRAWN - 1) + 1}",
    "its second epoch was reported": "set_trial_intermediate_value::after:5",
    "its files are there, the study knows half of them": "set_trial_system_attr:artifacts:after:2",
    "half of its result is written": "set_trial_user_attr:'train_seconds':after:2",
    "its score is about to be written": f"set_trial_user_attr:'val_accuracy':before:{FIRST_DRAWN}",
    "all is written, it is not told": "set_trial_state_values:COMPLETE:before:4",
    "it is told, its checkpoint is still there": "set_trial_state_values:COMPLETE:after:5",
    "the last one is told, the end is not recorded": "set_study_user_attr:'ended':before:1",
    "the end is recorded, nothing is tidied": "set_study_user_attr:'ended':after:1",
}
# The last test meets them too, or their neighbours, on one study.
MET_IN_A_ROW = {
    "a study was made and has no terms",
    "an experiment was asked for",
    "it has an attempt",
    "half of its parameters are drawn",
    "it has a configuration, and no trainer",
    "its second epoch was reported",
}
WHERE_A_SERVER_DIFFERS = (
    "four of ten experiments are enqueued",
    "an experiment was asked for",
    "a trial to be drawn was asked for",
    "all parameters are drawn",
    "all is written, it is not told",
)
GIVING_BACK = {
    "a retry is about to be enqueued": "create_new_trial:'retry_of':before:1",
    "a retry is enqueued": "create_new_trial:'retry_of':after:1",
    "the failure has a kind and no message": "set_trial_user_attr:'failure':after:1",
    "the trial is about to fail": "set_trial_state_values:FAIL:before:1",
    "the trial has failed": "set_trial_state_values:FAIL:after:1",
}


@pytest.fixture(scope="module")
def undisturbed(new_lasting_place, terms, drawn):
    """The configurations of a run to which nothing happens, by draw."""
    place = new_lasting_place("undisturbed")
    place.run("start", *terms, *OPTIONS)
    return drawn(place.trials())


@pytest.fixture
def assert_like_undisturbed(assert_whole, drawn, undisturbed):
    """Checks that a place holds no trace of a fault but failed trials."""

    def check(place):
        trials = place.trials()
        assert_whole(trials, WANTED)
        assert drawn(trials) == undisturbed
        assert Counter(trial["state"] for trial in trials)["WAITING"] == 0
        failed = {trial["number"] for trial in trials if trial["state"] == "FAIL"}
        assert {trial["retry_of"] for trial in trials} - {None} == failed
        assert place.trainers_are_gone()
        assert place.checkpoints() == []
        return [trial for trial in trials if trial["state"] == "FAIL"]

    return check


def fail_at(place, stage, command):
    worker = place.start(*command, FAULT_AT=stage)
    assert worker.wait() == -signal.SIGKILL, f"It never came to {stage}:\n{worker.text()}"
    assert place.trainers_are_gone()


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage not in MET_IN_A_ROW])
def test_a_worker_killed_at_any_stage_leaves_the_study_of_an_undisturbed_one(
    place, terms, assert_like_undisturbed, stage
):
    command = ("start", *terms, *OPTIONS)
    fail_at(place, STAGES[stage], command)
    place.run(*command)
    assert len(assert_like_undisturbed(place)) <= LOST_AT_ONCE


@pytest.mark.parametrize("stage", WHERE_A_SERVER_DIFFERS)
def test_a_worker_killed_at_any_stage_leaves_an_undisturbed_study_on_postgresql(
    new_place, postgres_url, terms, assert_like_undisturbed, stage
):
    place, command = new_place(storage=postgres_url), ("start", *terms, *OPTIONS)
    fail_at(place, STAGES[stage], command)
    place.run(*command)
    assert len(assert_like_undisturbed(place)) <= LOST_AT_ONCE


@pytest.mark.parametrize("stage", GIVING_BACK.values(), ids=GIVING_BACK.keys())
def test_a_worker_killed_while_it_gives_a_trial_back_gives_it_back_once(place, terms, assert_like_undisturbed, stage):
    place.script(trials={"0": "exit 137"})
    command = ("start", *terms, *OPTIONS)
    fail_at(place, stage, command)
    place.run(*command)
    failed = assert_like_undisturbed(place)
    assert failed[0]["number"] == 0
    assert len(failed) <= LOST_AT_ONCE


def test_workers_killed_one_after_the_other_at_every_stage_of_one_study_lose_nothing(
    place, terms, assert_like_undisturbed
):
    command = ("start", *terms, *OPTIONS)
    stages = [
        "create_new_study::after:1",
        "create_new_trial:'baseline':before:8",
        "set_trial_state_values:RUNNING:after:1",
        "record_heartbeat::after:1",
        "set_trial_param::after:2",
        "set_trial_user_attr:'config':after:1",
        "create_new_trial:'retry_of':after:1",
        "set_trial_state_values:FAIL:before:1",
        "set_trial_intermediate_value::after:1",
        "set_trial_state_values:COMPLETE:before:1",
    ]
    for stage in stages:
        fail_at(place, stage, command)
    place.run(*command)
    assert len(assert_like_undisturbed(place)) >= 4
