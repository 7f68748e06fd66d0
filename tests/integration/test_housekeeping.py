"""The doctor on both engines: a reader finds who is lost, a writer gives them back, and only those."""

import json

import pytest
from optuna.trial import TrialState

from search_spaces import find_space
from storage import open_store
from storage.artifacts import record
from storage.engines import GRACE_SECONDS, without_optuna_warnings
from sweep.cli.housekeeping import doctor, gc
from sweep.cli.options import Place
from sweep.data.source import DataError
from sweep.identity import ATTRIBUTE
from sweep.trial_files import TrialFiles
from sweep.worker.liveness import WorkerMark, marks_folder
from tests.identities import make_identity

SPACE = find_space("isolated")
IDENTITY = make_identity(dataset="digits", sampler="random", sampler_settings={}).to_dict()


@pytest.fixture
def store(location):
    with open_store(location, write=True) as opened:
        yield opened


@pytest.fixture
def study(store):
    made = store.create("isolated", metric="validation accuracy")
    made.set_user_attr(ATTRIBUTE, IDENTITY)
    return made


@pytest.fixture
def claimed(store, study):
    """A trial as a worker of that name claims it."""

    def claim(worker):
        with without_optuna_warnings():
            trial = study.ask()
        trial.set_user_attr("config", SPACE.suggest(trial).to_dict())
        trial.set_user_attr("worker", worker)
        store.record_heartbeat(trial)
        return trial

    return claim


@pytest.fixture
def place(location, tmp_path):
    return Place(home=tmp_path, storage=location.url.render_as_string(hide_password=False))


@pytest.fixture
def consult(place, capsys, monkeypatch):
    """What the doctor answers: the exit code, and the findings that are problems or were."""

    def nowhere(*_, **__):
        raise DataError("not here")

    monkeypatch.setattr("sweep.data.dataset.load_dataset", nowhere)

    def call(*, fix=False):
        code = doctor(place, fix=fix, json=True)
        findings = json.loads(capsys.readouterr().out)["findings"]
        return code, [(each["what"], each["fixed"]) for each in findings if each["verdict"] == "problem"]

    return call


def states(study):
    return [trial.state for trial in study.get_trials()]


def test_the_dead_and_the_silent_are_given_back_and_the_living_are_not(
    study, claimed, consult, fall_silent, location, tmp_path
):
    marks = marks_folder(tmp_path, location)
    with WorkerMark(marks) as dead:
        pass
    with WorkerMark(marks) as living:
        claimed(living.name)
        claimed(dead.name)
        fall_silent(claimed("elsewhere"), GRACE_SECONDS + 5)
        fall_silent(claimed("elsewhere too"), GRACE_SECONDS - 30)
        lost = [
            "isolated: 1 running trial whose worker is dead: 1",
            "isolated: 1 running trial whose worker has been silent for too long: 2",
        ]
        assert consult() == (1, [(what, False) for what in lost])
        assert states(study) == [TrialState.RUNNING] * 4
        assert consult(fix=True) == (0, [(what, True) for what in lost])
        assert consult() == (0, [])
    running, failed, waiting = TrialState.RUNNING, TrialState.FAIL, TrialState.WAITING
    assert states(study) == [running, failed, failed, running, waiting, waiting]
    assert [trial.user_attrs["retry_of"] for trial in study.trials[4:]] == [1, 2]


def test_a_reader_that_looks_waits_for_no_lock_of_a_study(store, study, claimed, consult, place, capsys):
    claimed("elsewhere")
    with store.lock("isolated"):
        assert consult() == (0, [])
        gc(place, dry_run=True, json=False)
    assert "Nothing to remove." in capsys.readouterr().out


def test_files_go_by_what_the_store_holds(store, study, claimed, place, location, capsys, tmp_path):
    study.tell(claimed("gone"), 0.5)
    files, deleted = (TrialFiles(tmp_path, name, location) for name in ("isolated", "deleted"))
    kept, *gone = files.weights(0), files.checkpoint(0), deleted.weights(0)
    for path in (kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(9))
    gc(place, dry_run=False, json=True)
    assert json.loads(capsys.readouterr().out)["bytes"] == 18
    assert [path.exists() for path in (kept, *gone)] == [True, False, False]


def test_artifacts_go_with_their_study_and_without_a_record_once_their_trial_ended(
    study, claimed, place, location, capsys, tmp_path
):
    artifacts, deleted = (TrialFiles(tmp_path, name, location).artifacts for name in ("isolated", "deleted"))
    ended, running = claimed("gone"), claimed("at work")
    recorded, orphan = (artifacts.write(ended.number, order, "a.png", "image/png", bytes(9)) for order in (0, 1))
    record(ended, [recorded])
    study.tell(ended, 0.5)
    coming = artifacts.write(running.number, 0, "a.png", "image/png", bytes(9))
    gone = deleted.write(0, 0, "a.png", "image/png", bytes(9))
    foreign = artifacts.path("0b5e3c1e-8a54-4c6b-9d0f-0a1b2c3d4e5f")  # as Optuna names what other tools upload
    foreign.write_bytes(bytes(9))
    gc(place, dry_run=False, json=True)
    assert json.loads(capsys.readouterr().out)["bytes"] == 18
    paths = [*(artifacts.path(each.artifact_id) for each in (recorded, coming, orphan, gone)), foreign]
    assert [path.exists() for path in paths] == [True, True, False, False, True]


def test_the_doctor_names_trials_whose_artifacts_are_not_here(study, claimed, place, location, capsys, tmp_path):
    artifacts = TrialFiles(tmp_path, "isolated", location).artifacts
    trial = claimed("gone")
    record(trial, [artifacts.write(trial.number, order, "a.png", "image/png", b"") for order in (0, 1)])
    study.tell(trial, 0.5)
    artifacts.delete()
    doctor(place, fix=False, json=True)
    findings = [each["what"] for each in json.loads(capsys.readouterr().out)["findings"]]
    assert "isolated: 2 artifacts of trial 0: recorded, but not on this host" in findings
