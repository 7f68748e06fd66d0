"""The roles of deploy/postgres/roles.sql: a worker can work, a reader can look, and neither can do more."""

import json
import os
import subprocess
import sys
from pathlib import Path
from wsgiref.util import setup_testing_defaults

import optuna
import psycopg
import pytest
from optuna.trial import TrialState
from sqlalchemy.engine import make_url

from storage import StorageError, locate, open_store
from storage.dashboard import write_note, write_plot, write_trial_notes
from storage.engines import without_optuna_warnings
from storage.plain import open_plain_storage
from tests.composed import OWNER, PASSWORDS, READER, WORKER, as_role, own, run_roles

STUDY = "isolated"


@pytest.fixture
def programs(postgres):
    """Folder of psql."""
    return postgres.bin_path


@pytest.fixture
def database(postgres_url, programs):
    """A database whose roles were made, as PostgreSQL's image does it, before there is any table."""
    own(postgres_url)
    answer = run_roles(programs, postgres_url)
    assert answer.returncode == 0, answer.stderr
    return postgres_url


@pytest.fixture
def opened(database, tmp_path):
    """Opens the store as a role."""
    stores = []

    def open_as(role, *, write=False):
        store = open_store(locate(as_role(database, role), tmp_path), write=write)
        stores.append(store)
        return store

    yield open_as
    for store in stores:
        store.close()


@pytest.fixture
def study(opened):
    """A study that its owner made, with a trial that waits."""
    made = opened(OWNER, write=True).create(STUDY, metric="validation accuracy")
    made.enqueue_trial({"x": 0.5})
    return made


def connect(url, role):
    return psycopg.connect(make_url(as_role(url, role)).set(drivername="postgresql").render_as_string(False))


def work_as(opened, role):
    """One trial's life, from its claim to its end; returns its number."""
    from plotly.graph_objects import Figure

    store = opened(role, write=True)
    study = store.load(STUDY)
    with store.lock(STUDY), without_optuna_warnings():
        trial = study.ask()
        store.record_heartbeat(trial)
        trial.set_user_attr("worker", "a worker")
    trial.suggest_float("x", 0, 1)
    for epoch in range(1, 4):
        trial.report(epoch / 10, epoch)
        store.record_heartbeat(trial)
    trial.set_user_attr("worker", "another worker")
    study._storage.set_trial_system_attr(trial._trial_id, "artifacts:01", "{}")  # as records of figures are written
    study.set_user_attr("run.000000.abc", {"event": "join"})
    write_note(study, "a note")
    write_note(study, "another one")
    write_trial_notes(study, {trial.number: "on a trial"})
    write_plot(study, "a-plot", Figure())
    study.tell(trial, 0.9)
    store.stale_trials(study)
    store.now()
    return trial.number


def test_a_worker_does_all_that_a_worker_does(study, opened):
    assert work_as(opened, WORKER) == 0
    study.enqueue_trial({"x": 0.7})
    assert work_as(opened, WORKER) == 1
    states = [trial.state for trial in study.get_trials()]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE]


def test_a_worker_gives_a_trial_back_and_puts_one_in_the_queue(study, opened):
    store = opened(WORKER, write=True)
    mine = store.load(STUDY)
    with without_optuna_warnings():
        trial = mine.ask()
    mine.tell(trial, state=TrialState.FAIL)
    mine.enqueue_trial({"x": 0.5}, user_attrs={"retry_of": trial.number})
    assert [trial.state for trial in study.get_trials()] == [TrialState.FAIL, TrialState.WAITING]


def test_a_worker_makes_a_study_of_its_own_but_deletes_none(study, opened):
    """`sweep confirm` makes one."""
    store = opened(WORKER, write=True)
    store.create("isolated-confirm", metric="validation accuracy")
    with pytest.raises(StorageError, match="permission denied for table"):
        store.delete(STUDY)
    assert opened(READER).study_names() == [STUDY, "isolated-confirm"]


@pytest.mark.parametrize("role", [WORKER, READER])
def test_nobody_but_the_owner_changes_what_there_is(study, database, role):
    with connect(database, role) as connection:
        connection.autocommit = True
        for statement in (
            "CREATE TABLE mine (x int)",
            "CREATE SCHEMA mine",
            "DROP TABLE trials CASCADE",
            "DROP DATABASE postgres",
            "TRUNCATE trials CASCADE",
            "DELETE FROM trials",
            "ALTER TABLE trials ADD COLUMN x int",
            "ALTER ROLE sweep PASSWORD 'mine'",
            "CREATE ROLE mine",
            "COPY trials TO PROGRAM 'cat'",
            "SELECT pg_read_file('PG_VERSION')",
            "SELECT rolpassword FROM pg_authid",
        ):
            with pytest.raises(psycopg.Error, match=r"permission denied|must be owner"):
                connection.execute(statement)


def test_a_reader_writes_nothing(study, database):
    with connect(database, READER) as connection:
        connection.autocommit = True
        for statement in (
            "INSERT INTO studies (study_id, study_name) VALUES (99, 'mine')",
            "UPDATE trials SET state = 'COMPLETE'",
            "SELECT * FROM trials FOR UPDATE",
            "SELECT nextval('studies_study_id_seq')",
        ):
            with pytest.raises(psycopg.Error, match="permission denied"):
                connection.execute(statement)


def ask(application, path):
    """The status and the body that an application answers."""
    said = {}
    environment = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    setup_testing_defaults(environment)
    body = b"".join(application(environment, lambda status, headers, *_: said.update(status=status)))
    return said["status"], body


def test_a_reader_sees_what_the_dashboard_shows(study, opened, database, tmp_path):
    from sweep.dashboard import Dashboard
    from sweep.guarding import Guard, Rules

    work_as(opened, WORKER)
    with open_plain_storage(locate(as_role(database, READER), tmp_path)) as storage:
        application = Guard(Dashboard(storage, tmp_path / "artifacts"), Rules())
        status, body = ask(application, "/api/studies")
        assert status.startswith("200")
        assert [each["study_name"] for each in json.loads(body)["study_summaries"]] == [STUDY]
        status, body = ask(application, "/api/studies/1")
        assert status.startswith("200")
        assert [trial["state"] for trial in json.loads(body)["trials"]] == ["Complete"]


@pytest.fixture
def sweep(database, tmp_path, monkeypatch, capsys):
    """Runs a command in a role: the console script's own function, without a new process."""
    from sweep.cli.main import run

    for variable in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)

    def call(role, *arguments):
        monkeypatch.setenv("SWEEP_STORAGE", as_role(database, role))
        monkeypatch.setattr(sys, "argv", ["sweep", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            run()
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return call


def test_the_owner_creates_and_a_reader_looks_with_our_own_commands(sweep, database):
    terms = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--study", STUDY)
    code, out, err = sweep(OWNER, "create", *terms)
    assert (code, out) == (0, ""), err
    code, _, err = sweep(WORKER, "create", *terms, "--trials", "7")
    assert (code, err.splitlines()[0].partition(" ")[0]) == (0, "Changed"), err  # nothing has to be made
    for looking in (["trials", STUDY, "--csv"], ["baselines", STUDY], ["studies"], ["doctor"]):
        code, out, err = sweep(READER, *looking)
        assert code == 0, err
        assert out
    # In a process of its own: where the database refuses in mid-transaction, Optuna leaves its connection to the end.
    environment = os.environ | {"SWEEP_STORAGE": as_role(database, READER)}
    for changing in (["delete", STUDY, "--yes"], ["stop", STUDY]):
        command = [Path(sys.executable).parent / "sweep", *changing]
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert answer.returncode == 1
        assert "permission denied" in answer.stderr
        assert "does not answer" not in answer.stderr
    status = json.loads(sweep(READER, "status", STUDY, "--json")[1])
    assert (status["trials_wanted"], status["waiting"]) == (7, 10)


def test_roles_given_after_the_tables_serve_as_well(postgres_url, programs, tmp_path):
    own(postgres_url)
    with open_store(locate(as_role(postgres_url, OWNER), tmp_path), write=True) as store:
        store.create(STUDY, metric="validation accuracy")
    assert run_roles(programs, postgres_url).returncode == 0
    with open_store(locate(as_role(postgres_url, WORKER), tmp_path), write=True) as store:
        store.load(STUDY).set_user_attr("x", 1)
    with open_store(locate(as_role(postgres_url, READER), tmp_path)) as store:
        assert store.load(STUDY).user_attrs == {"x": 1}


def test_a_second_run_changes_the_passwords(database, programs):
    def kept():
        with connect(database, OWNER) as connection:
            found = connection.execute(
                "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s)", [[WORKER, READER]]
            )
            return dict(found.fetchall())

    before = kept()
    assert all(word.startswith("SCRAM-SHA-256$") for word in before.values())
    answer = run_roles(programs, database, PASSWORDS | {"POSTGRES_WORKER_PASSWORD": "changed"})
    assert answer.returncode == 0, answer.stderr
    assert kept()[WORKER] != before[WORKER]


@pytest.mark.parametrize("missing", ["POSTGRES_WORKER_PASSWORD", "POSTGRES_READER_PASSWORD"])
def test_without_a_password_it_fails_and_says_which(postgres_url, programs, missing):
    own(postgres_url)
    given = {name: word for name, word in PASSWORDS.items() if name != missing}
    answer = run_roles(programs, postgres_url, given)
    assert answer.returncode != 0
    assert missing in answer.stderr


def test_no_password_is_shown(database, programs):
    answer = run_roles(programs, database)
    assert not [word for word in PASSWORDS.values() if word in answer.stdout + answer.stderr]


def test_optuna_s_own_tools_read_with_the_reader_s_role(study, opened, database):
    work_as(opened, WORKER)
    storage = optuna.storages.RDBStorage(as_role(database, READER), skip_table_creation=True)
    try:
        assert optuna.get_all_study_names(storage) == [STUDY]
    finally:
        storage.remove_session()
        storage.engine.dispose()
