"""Whatever ends a process, no trial is lost, none is trained twice, and no trainer is left behind."""

import subprocess
import time
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = pytest.mark.long

TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--batch-size", "32")
STUDY = "isolated-quick"
EXPERIMENTS = tuple(f"isolated-{number}" for number in range(1, 7))


@dataclass(frozen=True, kw_only=True)
class Life:
    """What was seen of a study that went through a lot."""

    exit_code: int
    seconds_to_leave: float
    trainers_gone: bool
    stopped: list[dict[str, Any]]
    ended: str
    finished: list[dict[str, Any]]
    workers: list[Any]


@pytest.fixture(scope="module")
def life(shared_workplace, known_experiments, all_gone):
    """Its first trainer is killed, its worker gets a Ctrl-C, a configuration from elsewhere joins its queue; then the
    same command goes on, with a second worker beside it."""
    place, (elsewhere, _) = shared_workplace, known_experiments
    terms = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "2", "--batch-size", "16")
    chosen = [word for name in EXPERIMENTS for word in ("--experiment", name)]
    command = ("start", *terms, *chosen, "--trials", len(EXPERIMENTS) + 1)
    worker = place.start(*command)
    worker.await_line("trial 0  epoch 1/2")
    worker.trainers()[0].kill()
    worker.await_line("trial 1  epoch 1/2")
    trainers = worker.trainers()
    pressed = time.monotonic()
    worker.press_ctrl_c()
    exit_code, seconds = worker.wait(30), time.monotonic() - pressed
    gone = len(trainers) == 1 and all_gone(trainers, 0.5)
    stopped, ended = place.json("trials", STUDY), place.json("status", STUDY)["ended"]
    file = place.folder / "found.json"
    for answer in (
        elsewhere.sweep("export", STUDY, "--trial", 10, "--format", "config", "--out", file),
        place.sweep("enqueue", STUDY, "--file", file),
    ):
        assert answer.returncode == 0, answer.stderr
    workers = [place.start(*command), place.start("join", STUDY)]
    assert [each.wait() for each in workers] == [0, 0]
    for each in workers:
        each.read_all()
    return Life(
        exit_code=exit_code,
        seconds_to_leave=seconds,
        trainers_gone=gone,
        stopped=stopped,
        ended=ended,
        finished=place.json("trials", STUDY),
        workers=workers,
    )


def test_ctrl_c_ends_a_worker_cleanly_within_ten_seconds(life):
    assert life.exit_code == 130
    assert life.seconds_to_leave < 10
    assert life.trainers_gone
    assert life.ended == "stopped"


def test_after_ctrl_c_the_cut_trial_waits_again(life):
    assert "RUNNING" not in {trial["state"] for trial in life.stopped}
    cut, (retry,) = life.stopped[1], [trial for trial in life.stopped if trial["retry_of"] == 1]
    assert (cut["state"], cut["user_attrs"]["failure"]) == ("FAIL", "interrupted")
    assert (retry["state"], retry["attempt"], retry["baseline"]) == ("WAITING", 2, "isolated-2")
    assert retry["config"] == cut["config"]


def test_a_killed_trainer_costs_one_attempt_and_never_the_worker(life):
    killed, (retry,) = life.finished[0], [trial for trial in life.finished if trial["retry_of"] == 0]
    assert (killed["state"], killed["user_attrs"]["failure"]) == ("FAIL", "crash")
    assert "signal 9" in killed["user_attrs"]["failure_message"]
    assert (retry["state"], retry["attempt"], retry["baseline"]) == ("COMPLETE", 2, "isolated-1")


def test_the_same_command_then_completes_every_experiment_once(life):
    complete = [trial["baseline"] for trial in life.finished if trial["state"] == "COMPLETE" and trial["baseline"]]
    assert sorted(complete) == list(EXPERIMENTS)


def test_two_workers_finish_exactly_the_budget(life):
    states = [trial["state"] for trial in life.finished]
    assert (states.count("COMPLETE"), states.count("FAIL"), len(states)) == (7, 2, 9)


def test_two_workers_share_the_trials_and_train_none_twice(life):
    begun = [{int(line.split()[1]) for line in each.lines if line.split()[2:3] == ["started"]} for each in life.workers]
    assert all(begun)
    assert not begun[0] & begun[1]
    assert begun[0] | begun[1] == set(range(2, 9))


def test_an_exported_configuration_is_trained_in_another_study(life, known_experiments):
    (foreign,) = [trial for trial in life.finished if trial["user_attrs"].get("enqueued")]
    assert foreign["config"] == known_experiments[0].json("show", STUDY, 10)["config"]
    assert foreign["user_attrs"]["epochs_run"] == 2
    assert "draw" not in foreign["user_attrs"]


def test_sigterm_ends_a_worker_as_cleanly(workplace, all_gone):
    worker = workplace.start("start", *TINY, "--trials", 2)
    worker.await_line("trial 0  started")
    trainers = worker.trainers()
    worker.process.terminate()
    assert worker.wait(10) == 143
    assert all_gone(trainers, 0.5)
    trials = workplace.json("trials", STUDY)
    assert trials[0]["user_attrs"]["failure"] == "interrupted"
    assert trials[10]["retry_of"] == 0
    assert {trial["state"] for trial in trials[1:]} == {"WAITING"}


def test_a_second_ctrl_c_leaves_at_once(workplace, all_gone):
    worker = workplace.start("start", *TINY, "--trials", 2)
    worker.await_line("trial 0  started")
    trainers = worker.trainers()
    trainers[0].suspend()  # deaf: the first Ctrl-C must wait for it
    worker.press_ctrl_c()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(1)
    worker.press_ctrl_c()
    assert worker.wait(2) == 130
    assert all_gone(trainers, 2)


def test_a_killed_worker_leaves_no_trainer_behind(workplace, all_gone):
    worker = workplace.start("start", *TINY, "--trials", 2)
    worker.await_line("trial 0  started")
    trainers = worker.trainers()
    assert len(trainers) == 1
    worker.process.kill()
    assert all_gone(trainers, 3)
    assert workplace.json("trials", STUDY)[0]["state"] == "RUNNING"  # until its heartbeat is missed


def test_a_timeout_ends_a_run_and_what_runs_waits_again(workplace):
    answer = workplace.sweep("start", *TINY, "--trials", 10, "--timeout", "9s")
    assert answer.returncode == 0, answer.stderr
    document = workplace.json("status", STUDY)
    assert document["ended"] == "timeout"
    assert document["running"] == 0
    trials = workplace.json("trials", STUDY)
    open_or_done = [trial["baseline"] for trial in trials if trial["state"] in ("WAITING", "COMPLETE")]
    assert sorted(open_or_done) == sorted(f"isolated-{number}" for number in range(1, 11))
