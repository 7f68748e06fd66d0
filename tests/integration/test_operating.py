"""Who works on a study, how fast and what waits: counted by the database and by Optuna, on both engines."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from optuna.storages._rdb.models import TrialHeartbeatModel, TrialModel
from optuna.trial import TrialState, create_trial
from sqlalchemy import create_engine, select, update

from storage.counting import open_counts
from storage.engines import without_optuna_warnings
from storage.tally import Pace, WorkingHost
from sweep.counted import LoadedStudy
from sweep.documents import status_document, to_json


@pytest.fixture
def operation(location, study):
    """How the study is worked on, as the database tells; Optuna tells the same, but for heartbeats."""

    def read():
        with open_counts(location) as counts:
            found = counts.study("isolated").operation()
        silent = tuple(replace(host, silent_seconds=None) for host in found.hosts)
        assert LoadedStudy(study).operation() == replace(found, hosts=silent, pace=None)
        return found

    return read


@pytest.fixture
def begin(store, study):
    """Claim a trial as a worker does, with attributes of its own."""

    def claim(**attributes):
        with without_optuna_warnings():
            trial = study.ask()
        store.record_heartbeat(trial)
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        return trial

    return claim


@pytest.fixture
def turn_back(location):
    """Let a finished trial have begun, been heard of last and ended so many seconds earlier."""

    def earlier(trial, *, began, beat, ended):
        engine = create_engine(location.url)
        with engine.begin() as connection:
            for column, seconds in (
                (TrialModel._datetime_start_utc, began),
                (TrialHeartbeatModel.heartbeat, beat),
                (TrialModel._datetime_complete_utc, ended),
            ):
                row = column.class_.trial_id == trial._trial_id
                then = connection.execute(select(column).where(row)).scalar_one() - timedelta(seconds=seconds)
                connection.execute(update(column.class_).where(row).values({column.key: then}))
        engine.dispose()

    return earlier


def wait(study, **attributes):
    study.enqueue_trial({}, user_attrs=attributes)


def test_a_new_study_has_no_hosts_and_no_pace(operation):
    found = operation()
    assert (found.hosts, found.queue, found.pace) == ((), {}, None)


def test_hosts_have_their_workers_slots_and_running_trials(operation, begin, study):
    for worker, slots in (("first", 2), ("first", 2), ("second", 4)):
        begin(host="b", worker=worker, slots=slots)
    begin(host="a", worker="third", slots=1)
    study.tell(begin(host="c", worker="fourth", slots=8), 0.5)
    hosts = [replace(host, silent_seconds=None) for host in operation().hosts]
    assert hosts == [
        WorkingHost(host="a", workers=1, running=1, slots=1, silent_seconds=None),
        WorkingHost(host="b", workers=2, running=3, slots=6, silent_seconds=None),
    ]


def test_a_trial_that_was_only_claimed_is_of_no_host_yet(operation, begin):
    begin(worker="first")
    (host,) = operation().hosts
    assert (host.host, host.workers, host.slots) == (None, 1, None)


def test_a_host_is_as_silent_as_its_most_silent_trial(operation, begin, fall_silent):
    begin(host="a", worker="first", slots=2)
    fall_silent(begin(host="a", worker="first", slots=2), 100)
    (host,) = operation().hosts
    assert 100 <= host.silent_seconds < 130


def test_a_running_trial_without_heartbeats_is_counted_all_the_same(operation, study):
    study.add_trial(create_trial(state=TrialState.RUNNING, user_attrs={"host": "a", "worker": "w", "slots": 1}))
    (host,) = operation().hosts
    assert (host.running, host.silent_seconds) == (1, None)


def test_what_waits_is_counted_by_what_it_is(operation, study):
    wait(study, baseline="isolated-1")
    wait(study, baseline="isolated-2")
    wait(study, baseline="isolated-3", retry_of=0)
    wait(study, retry_of=1)
    wait(study, enqueued=True)
    wait(study, confirms=4, seed=44)
    wait(study)
    assert operation().queue == {"reported": 2, "retry": 2, "enqueued": 1, "confirmation": 1, "other": 1}


def test_the_pace_counts_what_ended_within_the_hour(operation, begin, study, fall_silent):
    old = begin()
    fall_silent(old, 2 * 3600)
    study.tell(old, 0.5)
    for value in (0.6, 0.7):
        study.tell(begin(), value)
    study.tell(begin(reused_from=1), 0.6)
    study.tell(begin(), state=TrialState.FAIL)
    begin()
    assert operation().pace == Pace(finished=2, seconds=3600)


@pytest.mark.parametrize("ended", [0, 600])
def test_the_pace_of_a_young_study_is_taken_since_its_first_trial_began(operation, begin, study, turn_back, ended):
    """Not since that trial was heard of last: heartbeats go on while it trains."""
    first = begin()
    study.tell(first, 0.5)
    turn_back(first, began=3000, beat=ended, ended=ended)
    study.tell(begin(), 0.6)
    pace = operation().pace
    assert pace.finished == 2
    assert 3000 <= pace.seconds < 3030


def test_a_trial_that_ended_before_it_began_as_clocks_say_is_as_old_as_its_last_heartbeat(
    operation, begin, study, turn_back
):
    """It was given up by a host whose clock is behind."""
    lost = begin()
    study.tell(lost, state=TrialState.FAIL)
    turn_back(lost, began=0, beat=600, ended=5000)
    assert 600 <= operation().pace.seconds < 630


def test_the_status_is_one_json_document_with_all_of_it(location, begin):
    begin(host="a", worker="first", slots=2)
    with open_counts(location) as counts:
        document = json.loads(to_json(status_document(counts.study("isolated"))))
    assert document["hosts"][0]["slots"] == 2
    assert document["pace"]["finished"] == 0
    assert (document["queue"], document["failures"]) == ({}, {})
