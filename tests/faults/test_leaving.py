"""A worker that is told to leave leaves, whatever the store does meanwhile."""

import signal
import sqlite3
import time
from contextlib import closing

import pytest

pytestmark = pytest.mark.long


@pytest.mark.timeout(300)
def test_ctrl_c_is_obeyed_within_ten_seconds_while_a_stranger_holds_the_sqlite_file(place, terms, assert_whole):
    place.script(epochs=400, epoch_seconds=0.05)
    worker = place.start("start", *terms, "--trials", 11)
    worker.await_line("trial 0  epoch 2/")
    with closing(sqlite3.connect(place.home / "sweep.db", isolation_level=None, timeout=60)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        worker.await_line("trial 0  epoch 6/")
        pressed = time.monotonic()
        worker.signal_group(signal.SIGINT)
        assert worker.wait(15) == 130
        assert time.monotonic() - pressed < 10
        assert place.trainers_are_gone()
        stranger.execute("ROLLBACK")
    assert "The store does not answer" in worker.text()
    place.script()
    place.run("start", *terms)
    assert_whole(place.trials(), 11)
