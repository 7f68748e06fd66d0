"""`--artifacts`: what is recorded, changed and refused; a place that cannot be used is known before anything begins."""

import json
import shlex
import sys

import pytest

from storage import locate, open_store
from storage.artifacts import record
from storage.engines import without_optuna_warnings
from sweep.places import ATTRIBUTE, place_of
from sweep.trial_files import TrialFiles
from tests.s3_server import KEY_ID, SECRET

STUDY = "isolated-quick"
TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")


@pytest.fixture
def given(bucket):
    """The URL that people give."""
    return str(bucket.address.below("team"))


@pytest.fixture
def recorded(workplace):
    """The place that a study has recorded."""

    def read(name=STUDY):
        with open_store(locate(None, workplace / "sweep-data")) as store:
            return place_of(store.load(name))

    return read


@pytest.fixture
def ended(one_complete, given, sweep):
    """A study whose first trial has a picture and weights, in a home that copied both and then lost them."""
    assert sweep("create", *TINY, "--artifacts", given).code == 0
    with open_store(locate(None, one_complete), write=True) as store, without_optuna_warnings():
        study = store.load(STUDY)
        files = TrialFiles.of(one_complete, study, store.location)
        trial = study.ask()
        written = files.artifacts.write(trial.number, 0, "1-learning-curves.png", "image/png", b"\x89PNG a picture")
        record(trial, [written])
        trial.set_user_attr("config", study.get_trials()[0].user_attrs["config"])
        study.tell(trial, 0.4)
    path = files.artifacts.path(written.artifact_id)
    files.weights(0).parent.mkdir(parents=True, exist_ok=True)
    files.weights(0).write_bytes(b"weights")
    for each in (path, files.weights(0)):
        files.shared.copy(each)
        each.unlink()
    return files, path


def test_a_new_study_records_its_place_and_nothing_secret(sweep, given, recorded, workplace):
    outcome = sweep("create", *TINY, "--artifacts", given)
    assert outcome.code == 0, outcome.err
    assert str(recorded().parent) == given
    assert "Changed" not in outcome.err
    content = b"".join(path.read_bytes() for path in (workplace / "sweep-data").rglob("*") if path.is_file())
    for secret in (KEY_ID, SECRET):
        assert secret.encode() not in content
        assert secret not in outcome.out + outcome.err


def test_a_place_is_taken_from_variable_and_settings_file_too(sweep, given, recorded, workplace, monkeypatch):
    monkeypatch.setenv("SWEEP_ARTIFACTS", given + "/")
    assert sweep("create", *TINY).code == 0
    assert str(recorded().parent) == given
    monkeypatch.delenv("SWEEP_ARTIFACTS")
    (workplace / "sweep.toml").write_text(f'artifacts = "{given}"\n')
    assert sweep("create", *TINY, "--study", "another").code == 0
    assert str(recorded("another").parent) == given


def test_the_same_place_again_is_no_change_and_another_one_is_told(sweep, given, recorded):
    sweep("create", *TINY, "--artifacts", given)
    first = recorded()
    for again in (given, f"{given}/", str(first)):
        assert "Changed" not in sweep("create", *TINY, "--artifacts", again).err
    assert "Changed" not in sweep("create", *TINY).err
    assert recorded() == first
    told = sweep("create", *TINY, "--artifacts", f"{given}/new").err
    assert f"Changed artifacts: {first} -> {given}/new/{STUDY}-" in told
    assert f"what lies below {first} is not moved" in told


COMMANDS = {
    "join": ("join", STUDY),
    "show": ("show", STUDY, "0"),
    "report": ("report", STUDY, "--out", "report.html"),
    "export": ("export", STUDY, "--out", "model"),
    "confirm": ("confirm", STUDY),
    "delete": ("delete", STUDY, "--yes"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_who_does_not_change_the_study_is_refused_another_place(sweep, ended, given, command, recorded):
    before = recorded()
    outcome = sweep(*COMMANDS[command], "--artifacts", f"{given}/other")
    assert outcome.code == 2, outcome.err
    assert f"keeps its files at {before}" in outcome.err
    assert recorded() == before


@pytest.mark.parametrize("command", ["studies", "status", "trials", "show", "baselines", "gc"])
def test_one_variable_for_all_commands_refuses_nothing(sweep, one_complete, given, monkeypatch, command):
    monkeypatch.setenv("SWEEP_ARTIFACTS", given)
    arguments = {"show": (STUDY, "0"), "studies": (), "gc": ()}.get(command, (STUDY,))
    assert sweep(command, *arguments).code == 0  # the study was made without any
    sweep("create", *TINY)
    assert sweep(command, *arguments).code == 0


@pytest.mark.parametrize(
    "value", ["/mnt/shared", "gs://bucket/a", "s3:/bucket", "s3://", "s3://key:hidden@bucket/a", "s3://b"]
)
@pytest.mark.parametrize("command", ["create --family isolated", "studies", "gc"])
def test_what_is_no_place_is_a_usage_error_of_every_command(sweep, nothing_changes, value, command):
    with nothing_changes():
        outcome = sweep(*shlex.split(command), "--artifacts", value)
    assert outcome.code == 2
    assert "--artifacts" in outcome.err
    assert "hidden" not in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("command", ["create", "start"])
def test_a_bucket_that_is_missing_is_known_before_anything_is_made(sweep, s3_server, nothing_changes, command):
    with nothing_changes():
        outcome = sweep(command, *TINY, "--artifacts", "s3://missing/team")
    assert outcome.code == 1
    assert "no bucket 'missing'" in outcome.err


def test_a_place_that_is_away_is_known_before_a_worker_begins(sweep, created, given, s3_server):
    sweep("create", *TINY, "--artifacts", given)
    s3_server.stop()
    outcome = sweep("join", STUDY)
    assert outcome.code == 1
    assert "AWS_ENDPOINT_URL says where the store is" in outcome.err
    for secret in (KEY_ID, SECRET):
        assert secret not in outcome.err


def test_without_boto3_it_is_said_what_to_install(sweep, given, nothing_changes, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    with nothing_changes():
        outcome = sweep("create", *TINY, "--artifacts", given)
    assert outcome.code == 2
    assert "pip install 'sweep[s3]'" in outcome.err


def test_without_boto3_a_study_can_still_be_looked_at_tidied_and_deleted(sweep, ended, monkeypatch):
    files, _ = ended
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert sweep("show", STUDY, "1").code == 0
    assert "pip install 'sweep[s3]'" in sweep("gc").err
    outcome = sweep("delete", STUDY, "--yes")
    assert outcome.code == 0
    assert f"What lies at {files.shared} is nobody's now" in outcome.err


def test_show_names_the_url_of_a_picture_that_is_not_here(sweep, ended):
    files, path = ended
    url = files.shared.url(path)
    assert url in sweep("show", STUDY, "1").out
    (found,) = json.loads(sweep("show", STUDY, "1", "--json").out)["artifacts"]
    assert found == {"filename": "1-learning-curves.png", "path": str(path), "exists": False, "url": url}


def test_a_report_says_where_weights_are_that_are_not_here(sweep, ended, workplace):
    files, _ = ended
    outcome = sweep("report", STUDY, "--out", "report.md")
    assert outcome.code == 0, outcome.err
    assert files.shared.url(files.weights(0)) in (workplace / "report.md").read_text()


def test_deleting_a_study_deletes_its_copies(sweep, ended, bucket):
    assert len(bucket.sizes()) == 2
    outcome = sweep("delete", STUDY, "--yes")
    assert outcome.code == 0, outcome.err
    assert bucket.sizes() == {}


def test_a_study_is_deleted_while_its_place_is_away_and_what_is_left_is_named(sweep, ended, s3_server):
    files, _ = ended
    s3_server.stop()
    outcome = sweep("delete", STUDY, "--yes")
    assert outcome.code == 0
    assert f"What lies at {files.shared} is nobody's now" in outcome.err
    assert "Deleted" in outcome.err


def test_gc_tidies_places_and_a_dry_run_only_says_so(sweep, ended, bucket):
    files, path = ended
    with_path = files.checkpoint(0)
    with_path.parent.mkdir(parents=True, exist_ok=True)
    with_path.write_bytes(bytes(500))
    files.shared.copy(with_path)
    with_path.unlink()
    dry = json.loads(sweep("gc", "--dry-run", "--json").out)
    assert [(row["path"], row["bytes"]) for row in dry["removed"]] == [(files.shared.url(with_path), 500)]
    assert files.shared.has(with_path)
    shown = sweep("gc").out
    assert f"1 file that no rule keeps at {files.shared}: 500 B" in shown
    assert not files.shared.has(with_path)
    assert files.shared.has(path)
    assert sweep("gc").out.strip() == "Nothing to remove."


def test_gc_leaves_a_place_alone_that_is_away(sweep, ended, s3_server):
    s3_server.stop()
    outcome = sweep("gc")
    assert outcome.code == 0
    assert f"Left alone: the files of '{STUDY}' off this host." in outcome.err


def test_doctor_counts_what_is_at_a_place_as_there_and_says_that_it_is_away(sweep, ended, s3_server, monkeypatch):
    monkeypatch.setattr("sweep.cli.housekeeping.examine_data", lambda _: _fine())
    monkeypatch.setattr("sweep.cli.housekeeping.examine_disk", lambda _: _fine())
    assert "artifact" not in sweep("doctor").out
    s3_server.stop()
    outcome = sweep("doctor")
    assert outcome.code == 1
    assert "does not answer for s3://" in outcome.out


def test_a_place_that_another_tool_wrote_is_not_used_and_can_be_named_anew(sweep, created, given, recorded):
    with open_store(locate(None, created), write=True) as store:
        store.load(STUDY).set_user_attr(ATTRIBUTE, "s3://somebody/else")
    outcome = sweep("show", STUDY, "0")
    assert outcome.code == 2
    assert "is no place that sweep chose" in outcome.err
    assert sweep("gc").code == 0
    assert sweep("create", *TINY, "--artifacts", given).code == 0
    assert str(recorded().parent) == given


def test_a_study_with_a_place_of_another_tool_is_deleted_without_what_lies_there(sweep, created, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"somebody's")
    bucket.put(tmp_path / "file", "else/file")
    with open_store(locate(None, created), write=True) as store:
        store.load(STUDY).set_user_attr(ATTRIBUTE, str(bucket.address.below("else")))
    outcome = sweep("delete", STUDY, "--yes")
    assert outcome.code == 0, outcome.err
    assert "What lies there is left alone." in outcome.err
    assert bucket.has("else/file")


def _fine():
    from sweep.examination import Finding, Verdict

    return Finding(what="not looked at", verdict=Verdict.FINE)
