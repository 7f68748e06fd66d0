"""The end of a trial, on real stores and real files: what cannot be tidied up or told costs no trial."""

import math
from types import SimpleNamespace

import pytest
from optuna.trial import TrialState
from sqlalchemy.exc import OperationalError

from storage.artifacts import records_of
from storage.engines import without_optuna_warnings
from sweep import evidence
from sweep.trial_files import TrialFiles
from sweep.worker import bookkeeper
from sweep.worker.bookkeeper import Bookkeeper
from sweep.worker.calls import Calls
from sweep.worker.copies import Copies
from sweep.worker.errands import Errands
from sweep.worker.finishing import Finishing
from sweep.worker.outage import Outage, Threads
from tests.leavings import ask_and_end, write


@pytest.fixture
def files(tmp_path, location):
    return TrialFiles(tmp_path, "isolated", location)


@pytest.fixture
def read_trials(store, study):
    """Reads the study's trials; what a test has put into `meanwhile` happens before."""

    def read():
        for each in read.meanwhile:
            each()
        return store.read_trials(study)

    read.meanwhile = []
    return read


@pytest.fixture
def run_trial(study):
    """A trial that runs, or ended with a value or a state; its number."""

    def run(ending=None):
        with without_optuna_warnings():
            return ask_and_end(study, ending)

    return run


@pytest.fixture
def finishing(store, study, files, read_trials, monkeypatch):
    """Ends trials, without a place that is shared; every call is waited for."""
    monkeypatch.setattr(bookkeeper, "RETRY_SECONDS", (0,))
    books = Bookkeeper(lambda: None)
    on = SimpleNamespace(store=store, study=study, files=files, disk_limit=None)
    threads = Threads(calls=Calls(), outage=Outage(None, lambda: None), wake=lambda: None, leave_by=lambda: math.inf)

    def call(asked, handle):
        handle(asked())

    yield Finishing(
        on,
        call=lambda asked, handle: handle(books.submit(asked).result()),
        copies=Copies(None, threads, note=pytest.fail),
        errands=Errands(on, threads),
        draw=call,
        show=lambda *_: None,
        read_trials=read_trials,
        note=pytest.fail,
    )
    books.close(10)


@pytest.fixture
def work(store, study, files):
    """A trial under way, as far as its end is concerned."""
    with without_optuna_warnings():
        trial = study.ask()
    return SimpleNamespace(trial=trial, number=trial.number, job=SimpleNamespace(weights=files.weights(trial.number)))


def figures():
    return [evidence.Exhibit(order=order, filename=f"{order}.png", content=b"a picture") for order in (0, 1)]


def test_a_file_that_cannot_be_removed_is_left_and_the_others_go(finishing, files, run_trial, read_trials, caplog):
    first, second = (write(files.checkpoint(run_trial("FAIL"))) for _ in range(2))

    def stand_in_the_way():  # a folder is what root cannot unlink either
        first.unlink()
        first.mkdir()

    read_trials.meanwhile.append(stand_in_the_way)
    finishing.sweep_up()
    assert first.is_dir()
    assert not second.exists()
    assert "not removed" in caplog.text
    assert str(first) in caplog.text


def test_an_artifact_that_cannot_be_removed_is_left_and_the_others_go(finishing, files, run_trial, caplog):
    number = run_trial("FAIL")
    first, second = sorted(
        files.artifacts.path(files.artifacts.write(number, order, "a.png", "image/png", b"a").artifact_id)
        for order in (0, 1)
    )
    first.unlink()
    first.mkdir()
    finishing.sweep_up()
    assert first.is_dir()
    assert not second.exists()
    assert "not removed" in caplog.text
    assert str(first) in caplog.text


def test_a_worker_that_leaves_does_not_take_a_full_model_that_is_about_to_be_recorded(finishing, files, study):
    written = files.artifacts.write_of_study(study, 0, "full.npz", "application/octet-stream", b"hours of training")
    finishing.sweep_up()
    assert files.artifacts.path(written.artifact_id).read_bytes() == b"hours of training"


def test_a_trial_whose_end_was_told_without_an_answer_keeps_its_figures(finishing, files, study, work):
    broken = [OperationalError("COMMIT", {}, Exception("the server closed the connection"))]

    def write():
        study.tell(work.trial, 0.5)
        raise broken.pop()

    answers = []
    finishing.end(work, figures, write, answers.append)
    assert (answers, broken) == ([None], [])
    (trial,) = study.get_trials()
    assert trial.state is TrialState.COMPLETE
    assert len(records_of(trial)) == 2
    assert files.artifacts.missing(trial) == []


def test_a_trial_that_was_given_up_meanwhile_leaves_no_figures(finishing, files, study, work):
    study.tell(work.trial, state=TrialState.FAIL)
    finishing.end(work, figures, pytest.fail, lambda _: None)
    (trial,) = study.get_trials()
    assert records_of(trial) == []
    assert files.artifacts.size() == 0
