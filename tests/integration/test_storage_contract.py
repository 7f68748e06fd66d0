"""What a store promises, on SQLite files and on PostgreSQL alike."""

import multiprocessing
import sqlite3
import time
from contextlib import nullcontext

import pytest
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from storage import StorageError, UnknownStudyError, locate, open_store
from storage.engines import GRACE_SECONDS, without_optuna_warnings

WAITING = 60


@pytest.fixture
def study(store):
    return store.create("queue", metric="accuracy")


@pytest.fixture
def running_trial(store, study):
    with without_optuna_warnings():
        trial = study.ask()
    store.record_heartbeat(trial)
    return trial


# Several processes


def _open(start, location):
    start.wait()
    with open_store(location, write=True) as store:
        return store.study_names()


def test_eight_processes_open_an_empty_store_at_once(at_once, location):
    assert at_once(8, _open, location) == [[]] * 8


def _claim_all(start, location, locked):
    claimed = []
    with open_store(location, write=True) as store:
        study = store.load("queue")
        start.wait()
        while True:
            with store.lock("queue") if locked else nullcontext():
                trial = study.ask()
            if "ticket" not in trial.user_attrs:  # nothing waits any more: Optuna made a new one
                return claimed
            claimed.append(trial.user_attrs["ticket"])


@pytest.mark.parametrize("locked", [True, False], ids=["under the lock", "by the engine alone"])
def test_four_processes_claim_each_waiting_trial_once(at_once, location, study, locked):
    for ticket in range(WAITING):
        study.enqueue_trial({}, user_attrs={"ticket": ticket})
    claimed = [ticket for each in at_once(4, _claim_all, location, locked) for ticket in each]
    assert sorted(claimed) == list(range(WAITING))


def _count_up(start, location, path):
    with open_store(location, write=True) as store:
        start.wait()
        for _ in range(25):
            with store.lock("counter"):
                path.write_text(str(int(path.read_text()) + 1))


def test_one_process_at_a_time_holds_the_lock_of_a_study(at_once, location, store, tmp_path):
    path = tmp_path / "counter"
    path.write_text("0")
    at_once(4, _count_up, location, path)
    assert path.read_text() == "100"


def test_locks_of_two_studies_do_not_exclude_each_other(store):
    with store.lock("one"), store.lock("another"):
        pass


def _hold(location, connection):
    with open_store(location, write=True) as store, store.lock("queue"):
        connection.send("held")
        connection.recv()


def test_a_killed_process_leaves_no_lock_behind(location, store):
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    holder = context.Process(target=_hold, args=(location, there))
    holder.start()
    assert here.recv() == "held"
    holder.kill()
    with store.lock("queue"):  # waits for ever if the lock outlives its holder
        holder.join()
    assert holder.exitcode == -9


# Studies by name


def test_studies_are_listed_in_the_order_of_their_creation(store):
    for name in ("zebra", "ant", "mole"):
        store.create(name, metric="accuracy")
    assert store.study_names() == ["zebra", "ant", "mole"]


def test_a_created_study_maximises_its_metric(store, location):
    store.create("isolated", metric="validation accuracy")
    with open_store(location) as reader:
        study = reader.load("isolated")
        assert study.direction.name == "MAXIMIZE"
        with without_optuna_warnings():
            assert study.metric_names == ["validation accuracy"]


def test_a_deleted_study_is_gone_with_its_trials(store, study):
    study.enqueue_trial({})
    store.delete("queue")
    assert store.study_names() == []
    assert store.create("queue", metric="accuracy").trials == []


@pytest.mark.parametrize("action", ["load", "delete"])
def test_an_unknown_study_is_answered_with_the_nearest_one(store, action):
    store.create("isolated", metric="accuracy")
    store.create("grouped", metric="accuracy")
    with pytest.raises(
        UnknownStudyError,
        match=r"No study named 'isolatd'. Did you mean 'isolated'\? Known studies: isolated, grouped\.",
    ):
        getattr(store, action)("isolatd")


@pytest.mark.parametrize("action", ["load", "delete"])
def test_a_store_without_studies_says_so(store, action):
    with pytest.raises(UnknownStudyError, match="The store holds no study yet"):
        getattr(store, action)("isolated")


# Readers


def test_a_reader_sees_what_a_writer_stored(store, study, location):
    study.enqueue_trial({"x": 1})
    with open_store(location) as reader:
        assert [trial.state for trial in reader.load("queue").trials] == [TrialState.WAITING]


def test_a_reader_finds_no_study_where_there_is_no_schema_yet(location):
    if location.sqlite_path is not None:
        location.sqlite_path.touch()
    with open_store(location) as reader:
        assert reader.study_names() == []
        with pytest.raises(UnknownStudyError):
            reader.load("isolated")
        with pytest.raises(UnknownStudyError):
            reader.delete("isolated")
        with pytest.raises(StorageError, match="for reading only"):
            reader.create("isolated", metric="accuracy")


def test_a_reader_does_not_touch_a_schema_that_is_still_being_made(store, location):
    engine = create_engine(location.url)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
        connection.execute(text("DELETE FROM version_info"))
    with open_store(location) as reader:
        assert reader.study_names() == []
    with engine.begin() as connection:
        assert connection.execute(text("SELECT * FROM version_info")).all() == []
    engine.dispose()


def test_a_reader_creates_no_file(sqlite_location, tmp_path):
    with open_store(sqlite_location) as reader:
        assert reader.study_names() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(30)  # a reader that takes the write lock waits 60 seconds for it
def test_a_reader_does_not_wait_for_a_writer(sqlite_location):
    with open_store(sqlite_location, write=True) as store:
        store.create("isolated", metric="accuracy")
    writer = sqlite3.connect(sqlite_location.sqlite_path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE studies SET study_name = 'not committed'")
    with open_store(sqlite_location) as reader:
        assert reader.study_names() == ["isolated"]
        assert reader.load("isolated").trials == []
    writer.execute("ROLLBACK")
    writer.close()


@pytest.mark.parametrize("folder", ["with space", "100%", "a%20b", "c#", "what?", "{braces}", "größe", "a&b=c"])
def test_a_home_may_be_called_anything(folder, tmp_path):
    (tmp_path / folder).mkdir()
    location = locate(None, tmp_path / folder)
    with open_store(location, write=True) as store:
        store.create("isolated", metric="accuracy")
    with open_store(location) as reader:
        assert reader.study_names() == ["isolated"]
    assert location.sqlite_path.is_file()


# Heartbeats


def test_a_trial_that_beats_is_not_stale(store, study, running_trial, fall_silent):
    fall_silent(running_trial, GRACE_SECONDS - 20)
    assert store.stale_trials(study) == []


def test_a_trial_silent_for_longer_than_the_grace_is_stale(store, study, running_trial, fall_silent):
    fall_silent(running_trial, GRACE_SECONDS + 1)
    assert [trial.number for trial in store.stale_trials(study)] == [running_trial.number]


def test_a_heartbeat_makes_a_silent_trial_live_again(store, study, running_trial, fall_silent):
    fall_silent(running_trial, GRACE_SECONDS + 1)
    store.record_heartbeat(running_trial)
    assert store.stale_trials(study) == []


def test_the_store_tells_the_time_by_its_own_clock(store):
    assert abs(store.now() - time.time()) < 60  # one machine here: the clocks are the same


def test_a_stale_trial_of_another_study_is_not_ours(store, running_trial, fall_silent):
    fall_silent(running_trial, GRACE_SECONDS + 1)
    assert store.stale_trials(store.create("other", metric="accuracy")) == []


def test_a_finished_trial_is_never_stale(store, study, running_trial, fall_silent):
    fall_silent(running_trial, GRACE_SECONDS + 1)
    study.tell(running_trial, 0.5)
    assert store.stale_trials(study) == []


# A database that is not there


def test_a_missing_database_is_named(postgres, tmp_path):
    location = locate(postgres.get_uri(database="nowhere", driver="psycopg"), tmp_path)
    for write in (True, False):
        with pytest.raises(StorageError, match='"nowhere" does not exist'):
            open_store(location, write=write)
