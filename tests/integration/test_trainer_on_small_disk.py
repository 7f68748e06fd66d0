"""The trainer in this process on a home with a limit: what does not fit is not written, and the trial ends as ever."""

import logging
import re
from dataclasses import replace

import numpy as np
import pytest

from sweep.disk_limit import DiskLimit, size_of
from sweep.messages import Result, Resumed
from sweep.trainer import checkpoints
from tests.jobs import make_job as job_in

pytestmark = pytest.mark.long


@pytest.fixture
def make_job(tmp_path):
    """One epoch on 40 digits, in a home with so many kB for its files; weights take 17, a checkpoint 70."""

    def make(kilobytes, **changes):
        limited = {
            "epochs": 1,
            "batch_size": 32,
            "checkpoint": tmp_path / "checkpoints" / "isolated" / "7.npz",
            "weights": tmp_path / "weights" / "isolated" / "7.weights.npz",
            "disk_limit": DiskLimit(home=tmp_path, bytes=kilobytes * 1000),
        }
        return job_in(tmp_path, **(limited | changes))

    return make


def write(path, kilobytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(kilobytes * 1000))
    return path


def test_a_checkpoint_that_does_not_fit_is_said_in_the_log_and_the_weights_are_written(make_job, train, caplog):
    job = make_job(60)
    with caplog.at_level(logging.WARNING, logger="sweep.trainer.checkpoints"):
        result = train(job)[-1]
    assert isinstance(result, Result)
    assert result.weights_kept is True
    assert (job.checkpoint.exists(), job.weights.exists()) == (False, True)
    assert re.search(r"not written: 7\.npz takes [67]\d\.\d kB, and --max-disk 60\.0 kB leaves 60\.0 kB", caplog.text)


def test_weights_that_do_not_fit_are_not_written_and_the_result_says_so(make_job, train, caplog):
    job = make_job(12)
    with caplog.at_level(logging.WARNING, logger="sweep.trainer.checkpoints"):
        result = train(job)[-1]
    assert isinstance(result, Result)
    assert result.weights_kept is False
    assert job.disk_limit.used() == 0
    assert re.search(r"not written: 7\.weights\.npz takes 1\d\.\d kB", caplog.text)


def test_the_weights_of_the_same_study_make_room_and_those_of_another_do_not(make_job, train):
    job = make_job(24)
    beside = write(job.weights.with_name("3.weights.npz"), 17)
    assert train(job)[-1].weights_kept is True
    job.weights.unlink()
    beside.unlink()
    write(job.weights.parent.with_name("grouped") / "3.weights.npz", 17)
    assert train(job)[-1].weights_kept is False


def test_the_checkpoint_of_the_trial_itself_is_no_hindrance_to_its_weights(make_job, train):
    job = make_job(80)
    assert train(job)[-1].weights_kept is True
    assert job.checkpoint.exists()


def test_a_retry_takes_the_place_of_the_checkpoint_before_it(make_job, train):
    job = make_job(80, epochs=3)
    train(job, until=1)
    retry = replace(
        job,
        trial=8,
        checkpoint=job.checkpoint.with_name("8.npz"),
        resume_from=job.checkpoint,
        weights=job.weights.with_name("8.weights.npz"),
    )
    answers = train(retry, until=2)
    (resumed,) = [answer for answer in answers if isinstance(answer, Resumed)]
    assert (resumed.problem, len(resumed.history)) == (None, 1)
    assert (job.checkpoint.exists(), retry.checkpoint.exists()) == (False, True)
    assert retry.disk_limit.used() <= retry.disk_limit.bytes


@pytest.mark.parametrize("name", ["a", "a/variable/with/a/long/path/" * 20])
def test_a_file_takes_no_more_than_it_was_measured_for(tmp_path, name):
    arrays = {f"{name}{number}": np.zeros((3, 3, 128, number)) for number in range(1, 50)}
    measured = []

    class Measure(DiskLimit):
        def refuse_what_does_not_fit(self, path, size, *, going):
            measured.append(size)

    path = tmp_path / "weights" / "0.weights.npz"
    checkpoints.write_arrays(path, arrays, disk_limit=Measure(home=tmp_path, bytes=10**9))
    assert size_of(path) <= measured[0] <= size_of(path) + 256 * len(arrays)
