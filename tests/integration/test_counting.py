"""A study counted by the database and by Optuna: the same numbers, on SQLite files and on PostgreSQL alike."""

import random
import sqlite3
from contextlib import closing

import optuna
import pytest
from optuna.storages._rdb.storage import RDBStorage
from optuna.trial import TrialState, create_trial
from sqlalchemy import create_engine, text

from storage import StorageError, UnknownStudyError, locate, open_store
from storage.counting import SCHEMAS, open_counts
from storage.tally import Best, RunningTrial, TrainedWith
from sweep.counted import LoadedStudy
from sweep.runs import record_begin, record_end
from sweep.standing import CONFIRMS, MAX_REPEATS, End, counted_standing, standing_of

HISTORIES = 15
LONG = 30  # trials of a history before its last ones
ALL = 1000  # more than any list is long


@pytest.fixture
def counted(location):
    """What the database counts of the study: its tally and its course."""

    def count(name="isolated"):
        with open_counts(location) as counts:
            found = counts.study(name)
            return found.tally(proposals=MAX_REPEATS), found.course(running=ALL)

    return count


def add(study, state, value=None, *, reports=(), **attributes):
    """Add a trial in any state, as if a worker had written it."""
    trial = create_trial(
        state=TrialState[state],
        value=value,
        user_attrs=attributes,
        intermediate_values=dict(enumerate(reports, 1)),
    )
    study.add_trial(trial)


# Both ways


class History:
    """A study's random past: trials in every state, retried, reused, failed and cut, from several hosts."""

    def __init__(self, study, seed):
        self.study = study
        self.chance = random.Random(seed)
        self.draw = 0
        self.states = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]
        is_calm = seed % 2 == 0  # only what comes last ends it
        if not is_calm:
            self.states += ["RUNNING", "WAITING"]
            study.set_user_attr("budget.trials", self.chance.choice([5, 1000]))
            study.set_user_attr("budget.max_failures", self.chance.choice([2, 10]))
            study.set_user_attr("budget.until", self.chance.choice([0.5, None]))
        else:
            study.set_user_attr("budget.trials", 1000)
        for _ in range(self.chance.randrange(LONG)):
            self.add_any()
        (self.fail, self.repeat, self.wait, self.cut, list)[seed % 5]()
        if self.chance.random() < 0.2:
            study.set_user_attr(CONFIRMS, "another")

    def add_any(self):
        state = self.chance.choice(self.states)
        attributes = {"host": self.chance.choice(["a", "b"]), "backend": "tensorflow", "history": {"epoch": [1, 2]}}
        attributes |= self.chance.choice([{}, {"dtype_policy": "float32"}, {"dtype_policy": "mixed_bfloat16"}])
        attributes |= self.chance.choice([{}, {}, {"reused_from": 0}, {"taken_over": True}, {"taken_over": False}])
        attributes |= self.chance.choice([{}, {"baseline": "isolated-1"}, {"epochs_run": self.chance.randrange(60)}])
        if self.chance.random() < 0.8:
            self.draw += 1
            attributes["draw"] = self.chance.choice([self.draw, self.draw, max(1, self.draw - 9)])  # a retry's is older
        if state == "FAIL":
            attributes |= self.chance.choice([{}, *({"failure": kind} for kind in ("crash", "interrupted", "repeat"))])
            attributes |= self.chance.choice([{}, {"failure": 7}])  # another tool's
        value = self.chance.choice([0.25, 0.5, 0.98, float("inf"), float("-inf")])
        rows = [float("nan"), float("inf"), 0.5]
        reports = [self.chance.choice(rows) for _ in range(self.chance.randrange(12))]
        add(self.study, state, value if state == "COMPLETE" else None, reports=reports, **attributes)

    def fail(self):
        for _ in range(self.chance.choice([6, 18])):
            add(self.study, "FAIL", failure=self.chance.choice(["crash", "crash", "interrupted", "nan"]))
            if self.chance.random() < 0.05:
                record_begin(self.study, "start")

    def repeat(self):
        for _ in range(self.chance.choice([MAX_REPEATS - 1, MAX_REPEATS, MAX_REPEATS + 3])):
            self.draw += 1
            if self.chance.random() < 0.1:
                add(self.study, "FAIL", failure="repeat", draw=self.draw)
            else:
                add(self.study, "COMPLETE", 0.1, reused_from=0, draw=self.draw)

    def wait(self):
        for _ in range(self.chance.randrange(5)):
            add(self.study, "WAITING")

    def cut(self):
        record_begin(self.study, "start")
        record_end(self.study, End.STOPPED)


def test_the_database_counts_random_histories_as_optuna_s_trials_are_counted(location, store, counted):
    ends = []
    for seed in range(HISTORIES):
        study = store.create(f"history {seed}", metric="accuracy")
        History(study, seed)
        loaded = LoadedStudy(study)
        with open_counts(location) as counts:
            by_database = counts.study(study.study_name)
            assert by_database.states() == loaded.states()
            assert by_database.tally(proposals=MAX_REPEATS) == loaded.tally(proposals=MAX_REPEATS), seed
            course, same = by_database.course(running=5), loaded.course(running=5)
            assert (course.pruned_after, course.trained_with) == (same.pruned_after, same.trained_with), seed
            assert repr(course.running) == repr(same.running), seed  # NaN is not equal to itself
            assert by_database.user_attrs == study.user_attrs
            assert counted_standing(by_database) == standing_of(study), seed
            ends.append(counted_standing(by_database).ended)
    assert set(ends) >= {None, End.TRIALS, End.UNTIL, End.FAILURES, End.EXHAUSTED, End.STOPPED}


# The best trial


def test_of_equal_trials_the_first_is_the_best(study, counted):
    for value in (0.1, 0.7, 0.7):
        add(study, "COMPLETE", value)
    add(study, "PRUNED", reports=[0.9])
    assert counted()[0].best == Best(number=1, value=0.7)


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([0.5, float("inf"), 0.7], Best(number=1, value=float("inf"))),
        ([float("-inf"), 0.5], Best(number=1, value=0.5)),
        ([float("-inf")], Best(number=0, value=float("-inf"))),
        ([], None),
    ],
)
def test_infinite_values_are_compared_as_numbers(study, counted, values, best):
    for value in values:
        add(study, "COMPLETE", value)
    assert counted()[0].best == best


def test_a_study_of_several_objectives_has_no_best_trial(store, location, counted):
    study = optuna.create_study(
        study_name="another tool's", storage=store._storage, directions=["maximize", "minimize"]
    )
    study.add_trial(create_trial(state=TrialState.COMPLETE, values=[0.5, 0.1]))
    tally, _ = counted(study.study_name)
    assert (tally.best, tally.states["COMPLETE"]) == (None, 1)
    assert LoadedStudy(study).tally(proposals=1).best is None


# What runs, and with what it was trained


def test_a_running_trial_has_its_last_report(study, counted):
    add(study, "WAITING")
    add(study, "RUNNING", reports=[0.5] * 11 + [float("nan")], baseline="isolated-1", history={"epoch": [1]})
    add(study, "RUNNING", config={"family": "isolated", "conv_layers": 3})
    first, second = counted()[1].running
    assert (first.number, first.epoch, first.attributes) == (1, 12, {"baseline": "isolated-1"})
    assert repr(first.value) == "nan"
    attributes = {"config": {"family": "isolated", "conv_layers": 3}}
    assert second == RunningTrial(number=2, attributes=attributes, epoch=None, value=None)


def test_trials_are_counted_by_what_trained_them(study, counted):
    def trained(state="COMPLETE", **attributes):
        value = 0.5 if state == "COMPLETE" else None
        add(study, state, value, **({"dtype_policy": "float32", "backend": "jax", "device": "cpu"} | attributes))

    for host in ("b", "a", "b"):
        trained(host=host)
    trained(host="a", dtype_policy="mixed_bfloat16")
    trained(host="a", retry_of=9)
    trained("FAIL", host="a")  # the attempt that was retried
    trained(host="a", reused_from=0)  # not trained at all
    trained(host="a", taken_over=True)  # trained elsewhere
    add(study, "COMPLETE", 0.5, host="a")  # by a version that did not record it
    alike = {"backend": "jax", "device": "cpu"}
    assert counted()[1].trained_with == (
        TrainedWith(host="a", dtype_policy="float32", trials=2, **alike),
        TrainedWith(host="a", dtype_policy="mixed_bfloat16", trials=1, **alike),
        TrainedWith(host="b", dtype_policy="float32", trials=2, **alike),
    )


# The store


def test_the_schema_of_the_installed_optuna_is_known(store, location):
    storage = RDBStorage(location.url.render_as_string(hide_password=False))
    assert storage.get_head_version() in SCHEMAS
    storage.engine.dispose()


def test_another_schema_is_left_to_optuna(study, location):
    engine = create_engine(location.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9.9.9.a'"))
    with open_counts(location) as counts:
        assert counts is None
    engine.dispose()


def test_where_nothing_is_stored_there_are_no_studies_and_none_is_made(location):
    for _ in range(2):
        with open_counts(location) as counts:
            assert counts.study_names() == []
            with pytest.raises(UnknownStudyError, match="The store holds no study yet"):
                counts.study("isolated")
    if location.sqlite_path is not None:
        assert not location.sqlite_path.exists()


def test_an_unknown_study_is_answered_with_the_nearest_one(study, location):
    with open_counts(location) as counts, pytest.raises(UnknownStudyError, match=r"Did you mean 'isolated'\?"):
        counts.study("isolatd")


def test_trials_of_another_study_are_not_counted(store, study, counted):
    add(store.create("other", metric="accuracy"), "COMPLETE", 0.9, draw=1, dtype_policy="float32")
    add(study, "WAITING")
    tally, course = counted()
    assert (sum(tally.states.values()), tally.best, tally.last_proposals, course.trained_with) == (1, None, (), ())


def test_what_is_not_asked_for_is_not_read(study, location, counted):
    add(study, "COMPLETE", 0.5, draw=1, history={"epoch": [1]})
    engine = create_engine(location.url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE trial_user_attributes SET value_json = 'no JSON' WHERE key = 'history'"))
    assert counted()[0].best == Best(number=0, value=0.5)
    engine.dispose()


def test_all_counts_are_of_one_moment(study, location):
    add(study, "COMPLETE", 0.5)
    with open_counts(location) as counts:
        found = counts.study("isolated")
        before = found.tally(proposals=1)
        add(study, "COMPLETE", 0.6)
        assert found.tally(proposals=1) == before
    with open_counts(location) as counts:
        assert counts.study("isolated").states()["COMPLETE"] == 2


@pytest.mark.timeout(30)  # who takes the write lock waits 60 seconds for it
def test_counting_does_not_wait_for_a_writer(sqlite_location):
    with open_store(sqlite_location, write=True) as store:
        add(store.create("isolated", metric="accuracy"), "WAITING")
    with closing(sqlite3.connect(sqlite_location.sqlite_path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE trials SET state = 'RUNNING'")
        with open_counts(sqlite_location) as counts:
            assert counts.study("isolated").states()["WAITING"] == 1
        writer.execute("ROLLBACK")


def test_a_database_that_is_not_there_is_named(postgres, tmp_path):
    location = locate(postgres.get_uri(database="nowhere", driver="psycopg"), tmp_path)
    with pytest.raises(StorageError, match='"nowhere" does not exist'), open_counts(location):
        pass
