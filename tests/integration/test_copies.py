"""A worker's copies at a real S3-compatible server: the newest checkpoint, results before records, and outages."""

import math
import threading
import time
from types import SimpleNamespace

import pytest

from search_spaces import find_space
from storage import locate
from storage.address import Address
from sweep.trial_files import TrialFiles
from sweep.worker import copies as module
from sweep.worker.calls import Calls
from sweep.worker.copies import Copies
from sweep.worker.outage import Outage, Threads
from sweep.worker.slots import Work
from tests.jobs import ISOLATED, make_job

PLAN = find_space("isolated").from_dict(ISOLATED).plan((28, 28, 1), 10)
NUMBER = 7  # of the job's trial
SECONDS = 60.0  # for whatever has to happen


class Loop:
    """What a worker's loop does for its copies."""

    def __init__(self, shared):
        self.notes, self.done, self.leave_by = [], [], math.inf
        self.calls, self.woken = Calls(), threading.Event()
        self.outage = Outage(shared, self.woken.set)
        threads = Threads(calls=self.calls, outage=self.outage, wake=self.woken.set, leave_by=lambda: self.leave_by)
        self.copies = Copies(shared, threads, note=self.notes.append)

    def turn(self, *works):
        """Once around."""
        self.calls.settle()
        self.copies.look(works)
        self.outage.tell(self.notes.append)

    def turn_until(self, is_so, *works):
        """Around and around, until something has happened."""
        until = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < until, self.notes
            self.woken.wait(0.05)
            self.woken.clear()
            self.turn(*works)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01,))


@pytest.fixture
def files(tmp_path, bucket):
    address = Address(bucket=bucket.address.bucket, prefix="isolated-01234567")
    return TrialFiles(tmp_path / "home", "isolated", locate(None, tmp_path / "home"), address)


@pytest.fixture
def loop(files):
    made = Loop(files.shared)
    yield made
    made.copies.close()


@pytest.fixture
def work(files, tmp_path):
    job = make_job(tmp_path, checkpoint=files.checkpoint(NUMBER), weights=files.weights(NUMBER))
    trial = SimpleNamespace(number=NUMBER)
    return Work(trial=trial, title="", job=job, plan=PLAN, baseline=False, confirms=False, time_limit=None)


def write(path, content=b"weights"):
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(".draft")
    draft.write_bytes(content)
    draft.replace(path)
    return path


def copy_of(files, path):
    return files.shared.read(path)


def test_a_checkpoint_is_copied_when_it_is_new_and_when_it_is_newer(loop, files, work):
    loop.turn(work)
    path = work.job.checkpoint
    for content in (b"one epoch", b"two epochs"):
        write(path, content)
        loop.turn_until(lambda content=content: copy_of(files, path) == content, work)
    assert loop.notes == []


def test_a_checkpoint_that_did_not_change_is_copied_once(loop, files, work, bucket):
    path = write(work.job.checkpoint)
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append("copied"))
    loop.turn_until(lambda: loop.done)
    files.shared.remove([path])
    loop.turn(work)
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append("at once"))
    assert loop.done == ["copied", "at once"]
    assert bucket.sizes() == {}


def test_the_last_checkpoint_is_there_before_its_trial_is_given_back(loop, files, work):
    path = write(work.job.checkpoint, b"the last epoch")
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append(copy_of(files, path)))
    loop.turn_until(lambda: loop.done)
    assert loop.done == [b"the last epoch"]


def test_a_trial_without_a_checkpoint_is_given_back_at_once(loop, work):
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append("at once"))
    assert loop.done == ["at once"]


def test_what_a_trial_leaves_is_there_before_its_end_is_told(loop, files):
    paths = [write(files.weights(NUMBER)), write(files.artifacts.path("00-ab"))]
    loop.copies.keep(NUMBER, paths, lambda: loop.done.append([files.shared.has(path) for path in paths]))
    loop.turn_until(lambda: loop.done)
    assert loop.done == [[True, True]]


def test_an_outage_delays_the_end_is_said_once_and_loses_nothing(loop, files, work, s3_server):
    s3_server.stop()
    kept, checkpoint = write(files.weights(NUMBER)), write(work.job.checkpoint)
    loop.copies.keep(NUMBER, [kept], lambda: loop.done.append("told"))
    loop.turn_until(lambda: loop.notes, work)
    for _ in range(100):
        loop.turn(work)
    assert loop.done == []
    assert len(loop.notes) == 1
    assert "does not answer" in loop.notes[0]
    assert "Training goes on" in loop.notes[0]
    s3_server.start()
    loop.turn_until(lambda: loop.done and files.shared.has(checkpoint), work)
    assert files.shared.has(kept)
    assert loop.notes[1:] == [f"{files.shared} answers again."]


def test_a_worker_that_leaves_waits_no_longer_and_says_what_is_left_behind(loop, files, work, s3_server):
    s3_server.stop()
    write(work.job.checkpoint)
    loop.copies.keep(NUMBER, [write(files.weights(NUMBER))], lambda: loop.done.append("told"))
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append("given back"))
    loop.turn()
    assert loop.done == []
    loop.leave_by = time.monotonic()
    loop.turn()
    assert loop.done == ["told", "given back"]
    assert not loop.calls
    assert any("the next worker from this home copies what it left" in note for note in loop.notes)


def test_a_file_that_is_gone_costs_no_trial(loop, files):
    loop.copies.keep(NUMBER, [files.weights(NUMBER)], lambda: loop.done.append("told"))
    loop.turn_until(lambda: loop.done)


def test_without_a_place_all_goes_on_at_once(work):
    loop = Loop(None)
    write(work.job.checkpoint)
    loop.turn(work)
    loop.copies.keep(NUMBER, [work.job.weights], lambda: loop.done.append("told"))
    loop.copies.copy_last_checkpoint(work, lambda: loop.done.append("given back"))
    assert loop.done == ["told", "given back"]
    loop.copies.close()
