"""`gc`, `doctor`, and what `status` and `delete` know of files: on real stores, without training."""

import json
import shutil
from collections import namedtuple
from pathlib import Path

import numpy as np
import optuna
import pytest

from search_spaces import find_space
from storage import locate
from storage.artifacts import record
from sweep.data.source import DataError
from sweep.environment import versions
from sweep.examination import examine_disk
from sweep.feature_files import FeatureFiles, Table, digests_of
from sweep.trial_files import TrialFiles
from sweep.worker.liveness import WorkerMark
from tests.unit.cli.conftest import TINY

STUDY = "isolated-quick"
Usage = namedtuple("Usage", "free")


@pytest.fixture(autouse=True)
def without_data(monkeypatch):
    """No host has Fashion-MNIST, and reading it takes a second."""

    def nowhere(*_, **__):
        raise DataError("not here")

    monkeypatch.setattr("sweep.data.dataset.load_dataset", nowhere)


@pytest.fixture
def files(created):
    return TrialFiles(created, STUDY, locate(None, created))


@pytest.fixture
def study(created):
    storage = optuna.storages.RDBStorage(f"sqlite:///{created / 'sweep.db'}")
    yield optuna.load_study(study_name=STUDY, storage=storage)
    storage.remove_session()
    storage.engine.dispose()


@pytest.fixture
def run_trial(study):
    """A trial of the first waiting experiment, claimed by a worker."""

    def run(worker=None):
        trial = study.ask()
        trial.set_user_attr("config", find_space("isolated").suggest(trial).to_dict())
        trial.set_user_attr("worker", worker)
        return trial

    return run


@pytest.fixture
def dead_worker(created):
    """The name of a worker that left its mark and is gone."""
    with WorkerMark(created / "workers") as mark:
        pass
    return mark.name


def write(path, size=1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def read(outcome):
    return json.loads(outcome.out)


# What a worker that was killed on its way out left


@pytest.mark.parametrize("command", [("start", *TINY), ("join", STUDY)])
def test_who_is_to_work_on_an_ended_study_tidies_up_after_a_worker_killed_on_its_way_out(
    sweep, files, study, run_trial, command
):
    assert sweep("create", *TINY, "--trials", 1).code == 0
    trial = run_trial()
    artifacts = [files.artifacts.write(trial.number, order, "a.png", "image/png", b"a picture") for order in (0, 1)]
    known, orphan = (files.artifacts.path(each.artifact_id) for each in artifacts)
    record(trial, artifacts[:1])
    study.tell(trial, 0.5)
    checkpoint, weights = write(files.checkpoint(trial.number)), write(files.weights(trial.number))
    again = sweep(*command)
    assert again.code == 0, again.err
    assert "Done: 1 of 1 trials finished" in again.err
    assert [path.exists() for path in (checkpoint, orphan)] == [False, False]
    assert [path.exists() for path in (weights, known)] == [True, True]


# gc


@pytest.fixture
def litter(created, files, study, run_trial, dead_worker):
    """What goes, by why; beside it lies what stays."""
    run_trial("nobody")
    study.tell(run_trial("nobody"), 0.5)  # trial 1: a reported experiment
    for kept in (files.checkpoint(0), files.weights(0), files.weights(1)):
        write(kept)
    write(files.checkpoint(0).with_name(".0.npz.123"))
    write(created / "logs" / "trainer.log")
    write(created / "cache" / "rates.json")
    gone = created.absolute()
    write(gone / "weights" / "deleted" / "3.weights.npz", 20)
    return {
        str(write(files.checkpoint(1), 500)): "no rule keeps it",
        str(write(files.weights(1).with_name(".1.weights.npz.123"), 30)): "nobody writes it any more",
        str(gone / "weights" / "deleted"): "its study is gone",
        str(gone / "workers" / dead_worker): "its worker is gone",
    }


def test_a_dry_run_says_what_would_go_and_touches_nothing(sweep, litter, nothing_changes):
    with nothing_changes():
        document = read(sweep("gc", "--dry-run", "--json"))
        shown = sweep("gc", "--dry-run").out
    assert {row["path"]: row["why"] for row in document["removed"]} == litter
    assert (document["bytes"], document["dry_run"]) == (550, True)
    assert "1 file that no rule keeps: 500 B" in shown
    assert "Would be removed: 550 B" in shown


def test_what_nothing_needs_goes_and_everything_else_stays(sweep, created, litter):
    before = {path for path in created.rglob("*") if path.is_file()}
    document = read(sweep("gc", "--json"))
    assert {row["path"]: row["why"] for row in document["removed"]} == litter
    assert (document["bytes"], document["dry_run"]) == (550, False)
    assert not any(Path(path).exists() for path in litter)
    gone = before - {path for path in created.rglob("*") if path.is_file()}
    assert len(gone) == len(litter)
    assert sweep("gc").out.strip() == "Nothing to remove."


def test_a_draft_of_an_attempt_that_is_retried_goes_but_not_its_checkpoint(sweep, files, study, run_trial):
    study.tell(run_trial(), state=optuna.trial.TrialState.FAIL)
    study.enqueue_trial({}, user_attrs={"retry_of": 0})
    checkpoint = write(files.checkpoint(0))
    draft = write(checkpoint.with_name(".0.npz.123"))
    assert [row["path"] for row in read(sweep("gc", "--json"))["removed"]] == [str(draft)]
    assert checkpoint.exists()


def test_marks_that_are_held_or_that_a_running_trial_names_stay(sweep, created, run_trial, dead_worker):
    run_trial(dead_worker)
    with WorkerMark(created / "workers"):
        assert read(sweep("gc", "--json"))["removed"] == []


def test_files_of_a_study_of_another_tool_are_left_alone(sweep, created, workplace, study):
    optuna.create_study(study_name="../../mine", storage=study._storage)
    optuna.create_study(study_name="theirs", storage=study._storage)
    mine, theirs = write(workplace / "mine" / "7.npz"), write(created / "weights" / "theirs" / "7.npz")
    assert read(sweep("gc", "--json"))["removed"] == []
    assert sweep("delete", "../../mine", "--yes").code == 0
    assert read(sweep("status", "theirs", "--json"))["disk_bytes"] is None
    assert (mine.exists(), theirs.exists()) == (True, True)


def test_without_a_store_nothing_is_touched(sweep, workplace, nothing_changes):
    write(workplace / "sweep-data" / "weights" / "isolated" / "0.weights.npz")
    with nothing_changes():
        told, document = sweep("gc"), read(sweep("gc", "--json"))
    assert told.code == 0
    assert "no store" in told.err
    assert document == {"removed": [], "bytes": 0, "dry_run": False}


def test_with_a_store_that_cannot_be_read_nothing_is_touched(sweep, created, nothing_changes):
    write(created / "weights" / "deleted" / "0.weights.npz")
    (created / "sweep.db").write_bytes(b"no database " * 100)
    with nothing_changes():
        assert sweep("gc").code == 1


PRETRAINED = ("--family", "pretrained", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--weights", "none")


@pytest.fixture
def features(created):
    """Features of two backbones, as trainers leave them; by backbone."""
    folder = created / "cache" / "features"
    names = {"vgg16": "vgg16-0123456789abcdef.00.npy", "vgg19": "vgg19-0123456789abcdef.00.npy"}
    return {backbone: write(folder / name, 70) for backbone, name in names.items()}


def test_features_stay_while_a_study_may_still_train_on_them(sweep, created, features):
    assert sweep("create", *PRETRAINED).code == 0
    assert read(sweep("gc", "--json"))["removed"] == []
    assert sweep("delete", "pretrained-quick", "--yes").code == 0
    shown = sweep("gc").out
    assert "2 files of features that no study still trains on: 140 B" in shown
    assert not any(path.exists() for path in features.values())


def test_features_go_once_their_study_has_ended(sweep, created, features, study):
    assert sweep("create", *PRETRAINED, "--trials", "1").code == 0
    pretrained = optuna.load_study(study_name="pretrained-quick", storage=study._storage)
    assert read(sweep("gc", "--dry-run", "--json"))["removed"] == []
    pretrained.tell(pretrained.ask(), 0.5)
    removed = {row["path"]: row["why"] for row in read(sweep("gc", "--json"))["removed"]}
    reason = "no study that may still train needs it"
    assert removed == {str(path.absolute()): reason for path in features.values()}


def test_features_that_a_trainer_uses_and_drafts_that_one_writes_stay(sweep, created, features):
    folder = features["vgg16"].parent
    abandoned = write(folder / ".vgg19-0123456789abcdef.123.draft", 5)
    written = write(folder / ".vgg16-0123456789abcdef.456.draft", 5)
    used = FeatureFiles(folder, "resnet152_v2-0123456789abcdef")
    values = np.zeros((1, 2), np.float32)
    used.write(Table(digests=digests_of(np.zeros((1, 2, 2, 1), np.uint8)), values=values), make_room=lambda size: None)
    assert len(used.open()) == 1
    with FeatureFiles(folder, "vgg16-0123456789abcdef").exclusive(lambda: None):
        removed = {row["path"]: row["why"] for row in read(sweep("gc", "--json"))["removed"]}
    gone = "no study that may still train needs it"
    assert removed == {str(path.absolute()): gone for path in features.values()} | {
        str(abandoned.absolute()): "nobody writes it any more"
    }
    assert written.exists()
    assert len(list(folder.glob("resnet*.npy"))) == 1
    used.close()


def test_features_of_another_store_that_uses_the_home_are_left_alone(sweep, created):
    theirs = write(created / "cache" / "features" / "@01234567" / "vgg16-0123456789abcdef.00.npy")
    assert read(sweep("gc", "--json"))["removed"] == []
    assert theirs.exists()


# doctor


def test_a_sound_study_has_no_problem(sweep, created, nothing_changes):
    with nothing_changes():
        outcome, document = sweep("doctor"), read(sweep("doctor", "--json"))
    assert outcome.code == 0
    assert document["problems"] == 0
    assert "schema v" in outcome.out
    assert f"{STUDY}: 0 running trials" in outcome.out
    assert not any(finding["fix"] for finding in document["findings"])


def test_a_trial_whose_worker_is_dead_is_found_and_given_back(sweep, study, run_trial, dead_worker, nothing_changes):
    run_trial(dead_worker)
    with nothing_changes():
        found = sweep("doctor")
    assert found.code == 1
    assert "worker is dead: 0" in found.out
    assert "--fix gives back" in found.out
    mended = read(sweep("doctor", "--fix", "--json"))
    (finding,) = [each for each in mended["findings"] if "is dead" in each["what"]]
    assert (finding["study"], finding["fixed"], mended["problems"]) == (STUDY, True, 0)
    trials = read(sweep("trials", STUDY, "--json"))
    assert (trials[0]["state"], trials[0]["user_attrs"]["failure"]) == ("FAIL", "interrupted")
    assert (trials[-1]["state"], trials[-1]["retry_of"], trials[-1]["baseline"]) == ("WAITING", 0, "isolated-1")
    assert sweep("doctor").code == 0


def test_a_trial_whose_worker_lives_is_left_alone(sweep, created, run_trial):
    with WorkerMark(created / "workers") as mark:
        run_trial(mark.name)
        assert sweep("doctor", "--fix").code == 0
    assert read(sweep("trials", STUDY, "--json"))[0]["state"] == "RUNNING"


def test_a_retry_keeps_the_checkpoint_of_the_trial_given_back(sweep, files, run_trial, dead_worker):
    run_trial(dead_worker)
    checkpoint = write(files.checkpoint(0))
    assert sweep("doctor", "--fix").code == 0
    assert checkpoint.exists()


def test_what_nothing_needs_is_a_note_and_removed_by_fix(sweep, litter, nothing_changes):
    with nothing_changes():
        found = sweep("doctor")
    assert found.code == 0
    assert "4 files and folders that nothing needs, 550 B" in found.out
    assert "fixed" in sweep("doctor", "--fix").out
    assert read(sweep("gc", "--json"))["removed"] == []


def test_a_study_of_another_tool_is_told_and_not_touched(sweep, created, study, dead_worker):
    theirs = optuna.create_study(study_name="theirs", storage=study._storage)
    theirs.ask().set_user_attr("worker", dead_worker)
    outcome = sweep("doctor", "--fix")
    assert outcome.code == 0
    assert "theirs was made by another tool" in outcome.out
    assert theirs.trials[0].state.name == "RUNNING"


def test_changed_versions_are_a_note(sweep, study, run_trial):
    trial = run_trial()
    trial.set_user_attr("versions", versions() | {"keras": "0.1"})
    study.tell(trial, 0.5)
    outcome = sweep("doctor")
    assert outcome.code == 0
    assert f"keras 0.1 -> {versions()['keras']}" in outcome.out


def test_a_full_disk_is_a_problem(sweep, created, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=10**9 - 1))
    outcome = sweep("doctor", "--fix")
    assert outcome.code == 1
    assert "problem" in outcome.out


def test_a_store_that_cannot_be_read_is_a_problem_among_the_findings(sweep, created):
    (created / "sweep.db").write_bytes(b"no database " * 100)
    document = read(sweep("doctor", "--json"))
    assert document["problems"] == 1
    assert document["findings"][0]["verdict"] == "problem"
    assert len(document["findings"]) == 3


def test_without_a_store_the_doctor_makes_none(sweep, nothing_changes):
    with nothing_changes():
        assert sweep("doctor", "--fix").code == 0


def test_data_that_is_not_here_is_a_note(sweep, workplace):
    assert "note     Fashion-MNIST is not on this host" in sweep("doctor").out


# status and delete


def test_the_status_tells_bytes_on_disk_and_epochs_saved(sweep, files, study, run_trial):
    write(files.weights(0), 12_300_000)
    document = read(sweep("status", STUDY, "--json"))
    assert (document["disk_bytes"], document["epochs_saved"]) == (12_300_000, 0)
    assert "disk      12.3 MB in checkpoints, weights and artifacts" in sweep("status", STUDY).out
    assert "saved" not in sweep("status", STUDY).out
    study.set_user_attr("identity", study.user_attrs["identity"] | {"epochs": 20})
    for attributes in ({"epochs_run": 3}, {"epochs_run": 8}, {"epochs_run": 8, "reused_from": 1}):
        trial = run_trial()
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    assert read(sweep("status", STUDY, "--json"))["epochs_saved"] == 29
    assert "saved     29 epochs by pruning" in sweep("status", STUDY).out


def test_a_study_is_deleted_with_its_files(sweep, created, files):
    write(files.checkpoint(0))
    write(files.weights(0))
    other = write(TrialFiles(created, "isolated", locate(None, created)).weights(0))
    assert sweep("delete", STUDY, "--yes").code == 0
    assert not files.checkpoint(0).parent.exists()
    assert not files.weights(0).parent.exists()
    assert other.exists()


def test_the_disk_of_a_home_that_is_not_there_yet_is_looked_at_and_nothing_is_made(workplace, nothing_changes):
    with nothing_changes():
        assert "free for" in examine_disk(workplace / "a" / "b").what
