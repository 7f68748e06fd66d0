"""Hosts that share a place but no disk: what one of them began another one goes on with, and nothing is lost."""

import json
import signal
from contextlib import contextmanager

import psycopg
import pytest
from optuna.trial import TrialState
from scripted_place import Place

from storage import locate, open_store
from sweep.trial_files import TrialFiles
from tests.s3_server import SECRET

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
def url(bucket):
    """What people give with --artifacts."""
    return str(bucket.address.below("team"))


@pytest.fixture
def new_host(new_place, postgres_url):
    """Makes hosts with a home of their own, on one store."""

    def make(name):
        host = new_place(name, storage=postgres_url)
        host.environment["FAULT_HOST"] = name
        return host

    return make


@pytest.fixture
def fall_silent(postgres_url):
    """Let a worker that is dead have been silent for longer than the grace period."""

    def turn_back():
        with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
            connection.execute("UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '10 minutes'")

    return turn_back


@contextmanager
def files_at(host: Place, study: str):
    """A study's files as a host sees them."""
    with open_store(locate(host.environment["SWEEP_STORAGE"], host.home)) as store:
        yield TrialFiles.of(host.home, store.load(study), store.location)


def await_copy(worker, host, study, number):
    """Wait until a trial's checkpoint is at the place."""
    worker.await_line(f"trial {number}  epoch")  # by then there is a study
    with files_at(host, study) as files:
        while not files.shared.has(files.checkpoint(number)):
            worker.await_line(f"trial {number}  epoch")


def copies_of(host, study):
    """Names of all copies at the study's place, by folder."""
    with files_at(host, study) as files:
        return {folder: files.shared.names(folder) for folder in ("checkpoints", "weights", "artifacts")}


def leave_only_retries(host, study):
    """Let nothing else wait: retries come last."""
    with open_store(locate(host.environment["SWEEP_STORAGE"], host.home), write=True) as store:
        loaded = store.load(study)
        for trial in loaded.get_trials(states=(TrialState.WAITING,)):
            if "retry_of" not in trial.user_attrs:
                loaded._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def the_retry_of(trials, number):
    (retry,) = [trial for trial in trials if trial["retry_of"] == number]
    return retry


def test_another_host_goes_on_from_the_copy_of_a_host_that_was_killed(new_host, terms, study, url, fall_silent):
    first, second = new_host("first"), new_host("second")
    first.script(epochs=400, epoch_seconds=0.1)
    worker = first.start("start", *terms, "--trials", 10, "--artifacts", url)
    await_copy(worker, first, study, 0)
    worker.kill()
    assert first.trainers_are_gone()
    leave_only_retries(first, study)
    fall_silent()
    second.script(epochs=400, epoch_seconds=0.1)
    other = second.start("join", study)
    goes_on = other.await_line("goes on after epoch")
    other.signal_group(signal.SIGTERM)
    assert other.wait() == 143
    epochs = int(goes_on.partition("goes on after epoch")[2].split()[0])
    retry = the_retry_of(second.trials(), 0)
    assert epochs >= 1
    assert retry["user_attrs"]["resumed_from_epoch"] == epochs
    assert retry["user_attrs"]["host"] == "second"
    assert list(map(int, retry["intermediate_values"]))[:epochs] == list(range(1, epochs + 1))


def test_a_host_that_is_told_to_leave_leaves_its_last_checkpoint_at_the_place(new_host, terms, study, url):
    first, second = new_host("first"), new_host("second")
    first.script(epochs=40, epoch_seconds=0.1)
    worker = first.start("start", *terms, "--trials", 1, "--artifacts", url)
    worker.await_line("trial 0  epoch 5/")
    worker.signal_group(signal.SIGTERM)
    assert worker.wait(12) == 143
    assert copies_of(first, study)["checkpoints"] == {"0.npz"}
    leave_only_retries(first, study)
    second.script(epochs=40)
    told = second.run("join", study)
    trials = second.trials()
    ended = [trial for trial in trials if trial["state"] == "COMPLETE"]
    assert len(ended) == 1
    assert ended[0]["user_attrs"]["resumed_from_epoch"] >= 5
    assert ended[0]["user_attrs"]["history"]["epoch"] == list(range(1, 41))
    assert "goes on after epoch" in told
    copies = copies_of(second, study)
    assert copies["checkpoints"] == set()
    assert copies["artifacts"] == second.recorded_artifacts()


def test_hosts_without_a_shared_place_begin_again_and_say_so(new_host, terms, study):
    first, second = new_host("first"), new_host("second")
    first.script(epochs=40, epoch_seconds=0.1)
    worker = first.start("start", *terms, "--trials", 1)
    worker.await_line("trial 0  epoch 5/")
    worker.signal_group(signal.SIGTERM)
    assert worker.wait() == 143
    leave_only_retries(first, study)
    told = second.run("join", study)
    assert "begins again: its checkpoint, if there is one, is on host first; --artifacts shares them" in told
    (ended,) = [trial for trial in second.trials() if trial["state"] == "COMPLETE"]
    assert ended["user_attrs"]["resumed_from_epoch"] == 0


def test_a_checkpoint_that_is_not_at_the_place_either_is_said(new_host, terms, study, url):
    first, second = new_host("first"), new_host("second")
    first.script(epochs=40, epoch_seconds=0.1)
    worker = first.start("start", *terms, "--trials", 1, "--artifacts", url)
    worker.await_line("trial 0  epoch 5/")
    worker.signal_group(signal.SIGTERM)
    assert worker.wait() == 143
    leave_only_retries(first, study)
    with files_at(first, study) as files:
        files.shared.remove([files.checkpoint(0)])
    assert "begins again: 0.npz is neither in this home nor at s3://" in second.run("join", study)


def test_a_place_that_is_away_for_a_while_delays_ends_and_loses_nothing(
    new_host, terms, study, url, s3_server, assert_whole
):
    host = new_host("first")
    host.script(epoch_seconds=0.1)
    worker = host.start("start", *terms, "--trials", 12, "--artifacts", url, "--slots", 2)
    worker.await_line("trial 1 ")
    s3_server.stop()
    told = worker.await_line("Training goes on; what trials leave waits for")
    assert "does not answer" in told
    assert not worker.ended_within(2)
    s3_server.start()
    host.script()
    worker.await_line("answers again")
    assert worker.wait() == 0
    trials = host.trials()
    assert_whole(trials, 12)
    assert len(trials) == 12
    copies = copies_of(host, study)
    assert copies["artifacts"] == host.recorded_artifacts()
    assert copies["checkpoints"] == set()
    assert SECRET not in worker.text()


def test_a_worker_leaves_in_time_while_the_place_is_away_and_the_next_one_makes_up_for_it(
    new_host, terms, study, url, s3_server
):
    host = new_host("first")
    worker = host.start("start", *terms, "--trials", 10, "--artifacts", url)
    worker.await_line("trial 0 ")
    s3_server.stop()
    worker.await_line("Training goes on")
    assert not worker.ended_within(2)  # its first trial has ended by then, and its end is not told
    worker.signal_group(signal.SIGTERM)
    assert worker.wait(12) == 143
    assert "the next worker from this home copies what it left" in worker.text()
    left_behind = host.recorded_artifacts()
    assert "RUNNING" not in {trial["state"] for trial in host.trials()}
    s3_server.start()
    host.run("start", *terms, "--trials", 10)
    copies = copies_of(host, study)
    assert left_behind
    assert copies["artifacts"] == host.recorded_artifacts()


def test_a_study_without_a_place_gets_one_and_what_lies_in_the_home_is_copied(new_host, terms, study, url):
    host = new_host("first")
    host.run("start", *terms, "--trials", 2)
    told = host.run("start", *terms, "--trials", 3, "--artifacts", url)
    assert "Changed artifacts: none -> s3://" in told
    host.run("start", *terms, "--trials", 4)
    assert copies_of(host, study)["artifacts"] == host.recorded_artifacts()


def test_a_confirmation_takes_over_the_weights_of_another_host(new_host, terms, study, url):
    first, second = new_host("first"), new_host("second")
    first.run("start", *terms, "--trials", 1, "--artifacts", url)
    told = second.run("confirm", study, "--seeds", 1)
    assert [path.name for path in second.home.glob(f"weights/{study}@*/*")] == ["0.weights.npz"]
    assert f"copied to {url}/{study}-confirm-" in told
    assert copies_of(second, f"{study}-confirm")["weights"] == {"0.weights.npz"}


@pytest.mark.timeout(900)
def test_a_real_fit_goes_on_at_another_host_epoch_for_epoch_and_is_exported_there(new_host, new_place, study, url):
    terms = ("--family", "isolated", "--dataset", "digits", "--limit", 40, "--batch-size", 32, "--epochs", 3)
    options = ("--patience", 3, "--pruner", "none", "--deterministic", "--precision", "float32", "--slots", 1)
    command = ("start", *terms, *options, "--trials", 1)
    calm, first, second = new_place("calm"), new_host("first"), new_host("second")
    for place in (calm, first, second):
        place.environment["TRAINER_MODULE"] = "faulty_fits"
    calm.run(*command)
    faults = json.dumps({"0": "terminate worker"})
    assert first.start(*command, "--artifacts", url, FAULTY_FITS=faults).wait() == 143
    leave_only_retries(first, study)
    assert "goes on after epoch 1" in second.run("join", study, *options[4:])
    (undisturbed,) = [trial for trial in calm.trials() if trial["state"] == "COMPLETE"]
    (resumed,) = [trial for trial in second.trials() if trial["state"] == "COMPLETE"]
    assert resumed["user_attrs"]["resumed_from_epoch"] == 1
    for measure in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert resumed["user_attrs"]["history"][measure] == undisturbed["user_attrs"]["history"][measure]
    assert resumed["user_attrs"]["test_confusion_matrix"] == undisturbed["user_attrs"]["test_confusion_matrix"]

    # The weights are in the second home and at the place: the first one exports them, and the report shows the rest.
    told = first.run("export", study, "--out", "model")
    assert "Fetched s3://" in told
    assert (first.folder / "model" / "MANIFEST.json").is_file()
    assert first.json("show", study, resumed["number"])["artifacts"][0]["url"].startswith(url)
    first.run("report", study, "--out", "report.md")
    assert "weights.npz" in (first.folder / "report.md").read_text()
