"""A trainer as a process of its own, at the other end of a pipe."""

import contextlib
import os
import signal
import time
from dataclasses import replace

import psutil
import pytest

from sweep.messages import Begun, EpochEnd, Progress, Ready, Result, Stop, Stopped
from sweep.worker.trainer_process import TrainerProcess
from tests.jobs import make_job

ANSWER_SECONDS = 60.0  # for the slowest answer: Keras's import, or a network's tracing, on a busy machine
OBEYS_SECONDS = 3.0  # to a stop or a closed pipe


@pytest.fixture
def trainer(tmp_path):
    """A trainer that was started and is ended after the test."""
    process = TrainerProcess(log=tmp_path / "trainer.log", gpu=None, threads=1)
    yield process
    process.kill()


@pytest.fixture
def job(tmp_path):
    """A trial that would train for minutes."""
    return make_job(tmp_path, trial=3, limit=1000, epochs=5000, patience=5000, batch_size=1)


def test_a_module_in_the_working_directory_is_not_taken_for_ours(tmp_path, monkeypatch):
    for name in ("keras", "sweep"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('somebody else')")
    monkeypatch.chdir(tmp_path)
    process = TrainerProcess(log=tmp_path / "trainer.log", gpu=None, threads=1)
    try:
        _await(process, Ready)
    finally:
        process.kill()


def _await(trainer, kind):
    """Take answers until one of a kind comes; nothing else than signs of life may come before it."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while trainer.connection.poll(max(0.0, deadline - time.monotonic())):
        answer = trainer.receive()
        if isinstance(answer, kind):
            return answer
        assert isinstance(answer, Ready | Begun | Progress), answer
    raise AssertionError(f"No {kind.__name__} within {ANSWER_SECONDS:.0f} s")


def _pid(trainer):
    return trainer._process.pid


def test_a_signal_to_all_processes_of_a_job_is_the_worker_s_to_obey(trainer, job):
    trainer.send(job)
    _await(trainer, Progress)
    os.kill(_pid(trainer), signal.SIGTERM)  # as Slurm does, beside the worker's own
    trainer.send(Stop(trial=job.trial))
    assert _await(trainer, Stopped).trial == job.trial


def test_a_stop_is_obeyed_in_the_middle_of_an_epoch_and_the_next_trial_taken_whatever_stops_come_late(trainer, job):
    trainer.send(job)
    progress = _await(trainer, Progress)
    assert progress.epoch == 1
    assert progress.fraction < 1
    before = time.monotonic()
    trainer.send(Stop(trial=3))
    assert _await(trainer, Stopped) == Stopped(trial=3)
    assert time.monotonic() - before < OBEYS_SECONDS
    trainer.send(Stop(trial=3))
    trainer.send(replace(job, trial=4, limit=40, epochs=1))
    assert _await(trainer, EpochEnd).trial == 4
    assert _await(trainer, Result).trial == 4


@pytest.mark.parametrize("when", ["while Keras is imported", "in the middle of an epoch"])
def test_a_trainer_whose_pipe_closes_is_gone_within_a_second_or_so(trainer, job, when):
    if when == "in the middle of an epoch":
        trainer.send(job)
        _await(trainer, Progress)
    trainer.connection.close()
    assert trainer._process.wait(timeout=OBEYS_SECONDS) == 1


def test_a_killed_trainer_is_noticed_by_its_signal(trainer, job):
    trainer.send(job)
    _await(trainer, Progress)
    psutil.Process(_pid(trainer)).kill()
    while trainer.receive() is not None:
        pass
    assert trainer.wait_death() == "signal 9"
    trainer.send(Stop(trial=3))  # nobody takes it, and nothing is raised


def test_what_a_trainer_prints_is_in_its_log_alone(tmp_path, job, capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")  # TensorFlow at its most talkative
    trainer = TrainerProcess(log=tmp_path / "trainer.log", gpu=None, threads=1)
    try:
        trainer.send(job)
        _await(trainer, Progress)
    finally:
        trainer.kill()
    assert capfd.readouterr() == ("", "")
    assert (tmp_path / "trainer.log").stat().st_size > 0


def test_a_trainer_is_in_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(trainer):
    assert os.getsid(_pid(trainer)) == _pid(trainer) != os.getsid(0)


def test_killing_a_trainer_ends_it_for_good(trainer):
    pid = _pid(trainer)
    assert trainer.kill() == "signal 9"
    with contextlib.suppress(psutil.NoSuchProcess):
        raise AssertionError(f"still there: {psutil.Process(pid)}")
