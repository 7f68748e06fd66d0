"""What a worker fetches from a place before a trial begins, and puts in order there, at a real S3-compatible server."""

import math
import threading
import time
from types import SimpleNamespace

import optuna
import pytest

from storage import locate
from storage.artifacts import record
from sweep.trial_files import TrialFiles
from sweep.worker import errands as module
from sweep.worker.calls import Calls
from sweep.worker.errands import Errands
from sweep.worker.outage import Outage, Threads
from tests.leavings import write

SECONDS = 60.0  # for whatever has to happen


@pytest.fixture
def study():
    return optuna.create_study(study_name="isolated", direction="maximize")


@pytest.fixture
def homes(tmp_path, bucket):
    """The study's files in two homes that share a place."""
    address = bucket.address.below("isolated-01234567")
    return [TrialFiles(tmp_path / home, "isolated", locate(None, tmp_path / home), address) for home in ("far", "near")]


class Loop:
    """What a worker's loop does for its errands."""

    def __init__(self, files, study):
        self.notes, self.done, self.leave_by = [], [], math.inf
        self.calls, self.woken = Calls(), threading.Event()
        self.outage = Outage(files.shared, self.woken.set)
        threads = Threads(calls=self.calls, outage=self.outage, wake=self.woken.set, leave_by=lambda: self.leave_by)
        self.errands = Errands(SimpleNamespace(files=files, study=study), threads)

    def turn_until(self, is_so):
        """Around and around, until something has happened."""
        until = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < until, self.notes
            self.woken.wait(0.05)
            self.woken.clear()
            self.calls.settle()
            self.outage.tell(self.notes.append)

    def fetch(self, files, *paths):
        """Ask for the first of these files that is to be had; what it is told is in `done`."""
        self.errands.fetch([[(files.shared, path) for path in paths]], self.done.append)


@pytest.fixture
def loop(homes, study, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", (0.01,))
    made = Loop(homes[1], study)
    yield made
    made.leave_by = time.monotonic()
    made.errands.close()


def test_a_file_of_another_home_is_here_when_its_trial_begins(loop, homes):
    far, near = homes
    far.shared.copy(write(far.checkpoint(3), b"three epochs"))
    loop.fetch(near, near.checkpoint(3))
    loop.turn_until(lambda: loop.done)
    assert loop.done == [None]
    assert near.checkpoint(3).read_bytes() == b"three epochs"


def test_what_is_here_or_has_no_place_is_not_waited_for(loop, homes):
    near = homes[1]
    loop.fetch(near, write(near.checkpoint(3)))
    loop.errands.fetch([[(None, near.checkpoint(4))], []], loop.done.append)
    assert loop.done == [None, None]


def test_the_attempt_before_the_last_is_taken_where_the_last_one_left_nothing(loop, homes):
    far, near = homes
    far.shared.copy(write(far.checkpoint(2), b"two epochs"))
    far.shared.copy(write(far.checkpoint(1), b"one epoch"))
    loop.fetch(near, *map(near.checkpoint, (3, 2, 1)))
    loop.turn_until(lambda: loop.done)
    assert loop.done == [None]
    assert near.checkpoint(2).read_bytes() == b"two epochs"
    assert not near.checkpoint(1).exists()


def test_what_is_nowhere_is_said(loop, homes):
    near = homes[1]
    loop.fetch(near, near.checkpoint(3))
    loop.turn_until(lambda: loop.done)
    assert loop.done == [f"3.npz is neither in this home nor at {near.shared}"]


def test_a_place_that_is_away_for_a_moment_is_waited_for(loop, homes, s3_server):
    far, near = homes
    far.shared.copy(write(far.checkpoint(3)))
    s3_server.stop()
    loop.fetch(near, near.checkpoint(3))
    loop.turn_until(lambda: loop.notes)
    s3_server.start()
    loop.turn_until(lambda: loop.done)
    assert loop.done == [None]


def test_a_place_that_stays_away_is_not_waited_for_without_end(loop, homes, s3_server, monkeypatch):
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.0)
    near = homes[1]
    s3_server.stop()
    loop.fetch(near, near.checkpoint(3))
    loop.turn_until(lambda: loop.done)
    assert loop.done[0].startswith("3.npz could not be fetched. 127.0.0.1:")


def test_a_worker_that_leaves_does_not_wait_at_all(loop, homes, s3_server):
    near = homes[1]
    s3_server.stop()
    loop.fetch(near, near.checkpoint(3))
    loop.calls.settle()
    assert loop.done == []
    loop.leave_by = time.monotonic() + 8
    loop.calls.settle()
    assert loop.done == ["this worker leaves"]


def test_what_no_rule_keeps_is_removed(loop, homes, study):
    far = homes[0]
    study.tell(study.ask(), 0.5)
    for path in (far.checkpoint(0), far.weights(0)):
        far.shared.copy(write(path))
    loop.errands.tidy()
    loop.turn_until(lambda: not far.shared.has(far.checkpoint(0)))
    assert far.shared.has(far.weights(0))


def test_what_no_trial_took_is_removed(loop, homes):
    far, near = homes
    far.shared.copy(write(far.artifacts.path("00-ab")))
    loop.errands.remove([near.artifacts.path("00-ab")])
    loop.turn_until(lambda: not far.shared.has(far.artifacts.path("00-ab")))


def test_what_an_earlier_worker_left_in_the_home_is_copied(loop, homes, study):
    near = homes[1]
    trial = study.ask()
    recorded, orphan = (near.artifacts.write(trial.number, order, "a.png", "image/png", b"a") for order in (0, 1))
    record(trial, [recorded])
    study.tell(trial, 0.5)
    write(near.weights(0))
    near.shared.copy(write(near.weights(9)))  # of a trial that this study does not have
    loop.errands.catch_up()
    loop.turn_until(
        lambda: near.shared.has(near.weights(0)) and near.shared.has(near.artifacts.path(recorded.artifact_id))
    )
    assert not near.shared.has(near.artifacts.path(orphan.artifact_id))


def test_an_order_that_cannot_be_carried_out_is_said_once_and_costs_nothing(loop, homes, study, s3_server):
    s3_server.stop()
    study.tell(study.ask(), 0.5)
    write(homes[1].weights(0))
    loop.errands.tidy()
    loop.errands.catch_up()
    loop.errands.remove([homes[1].artifacts.path("00-ab")])
    loop.turn_until(lambda: loop.notes)
    loop.errands.tidy()
    assert len(loop.notes) == 1
