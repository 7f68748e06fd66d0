"""Looking at studies: everything is shown, nothing is changed, and nobody is held up."""

import hashlib
import sqlite3
import subprocess
import sys

import pytest
from served import FILES, ODD_STUDY, QUEUED_STUDY, STUDY, make_study

from storage import locate, open_store

LOOKS = (
    "/api/meta",
    "/api/studies",
    "/api/studies/1",
    "/api/studies/1?after=3",
    "/api/studies/1/param_importances",
    "/api/studies/3",
    "/csv/1",
    "/dashboard",
    "/dashboard/studies/1/trials",
    "/static/bundle.js",
    "/favicon.ico",
)
EDITS = (
    ("DELETE", "/api/studies/1"),
    ("POST", "/api/studies"),
    ("POST", "/api/studies/1/rename"),
    ("PUT", "/api/studies/1/note"),
    ("PUT", "/api/studies/1/1/note"),
    ("POST", "/api/trials/7/tell"),
    ("POST", "/api/trials/7/user-attrs"),
    ("POST", "/api/artifacts/1/7"),
    ("DELETE", "/api/artifacts/1/1/00"),
    ("POST", "/incompatible-rdb-schema"),
    ("PATCH", "/dashboard"),
    ("OPTIONS", "/api/studies/1"),
)


def _state_of(home):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in home.rglob("*") if path.is_file()}


def test_it_says_in_one_line_what_it_shows_and_where(shown, gallery):
    assert shown.line == (
        f"Dashboard of sqlite:///{gallery / 'sweep.db'} at http://127.0.0.1:{shown.port} (read-only). Ctrl-C ends it.\n"
    )


def test_studies_are_shown_whatever_they_are_called(shown):
    studies = shown.ask("/api/studies").json["study_summaries"]
    assert {study["study_name"] for study in studies} == {STUDY, ODD_STUDY, QUEUED_STUDY}
    assert shown.ask("/api/studies/2").json["name"] == ODD_STUDY


def test_trials_are_shown_with_their_values_and_files(shown):
    trials = shown.ask("/api/studies/1").json["trials"]
    assert [trial["state"] for trial in trials] == ["Complete"] * 6 + ["Running", "Waiting"]
    assert {file["filename"] for file in trials[0]["artifacts"]} == set(FILES)


@pytest.mark.parametrize("path", LOOKS)
def test_what_the_page_asks_for_when_it_is_looked_at_is_answered(shown, path):
    assert shown.ask(path, Accept_Encoding="gzip").status == 200


def test_looking_writes_nothing(shown, gallery):
    before = _state_of(gallery)
    for path in LOOKS:
        shown.ask(path, Accept_Encoding="gzip")
    assert _state_of(gallery) == before


@pytest.mark.parametrize(("method", "path"), EDITS)
def test_what_would_change_something_is_refused_with_the_way_to_allow_it(shown, gallery, method, path):
    before = _state_of(gallery)
    answer = shown.ask(path, method, body={"version": 1, "body": "x", "state": "FAIL", "study_name": "x"})
    assert answer.status == 405
    assert answer.headers["allow"] == "GET, HEAD"
    assert "--allow-edits" in answer.json["reason"]
    assert _state_of(gallery) == before


def test_the_head_of_an_answer_comes_alone(shown):
    for path in ("/api/studies", "/dashboard", "/nowhere"):
        assert shown.ask(path, "HEAD").body == b""


def test_a_study_that_is_not_there_is_not_found(shown):
    assert shown.ask("/api/studies/99").status == 404
    assert shown.ask("/nowhere").status == 404


@pytest.mark.parametrize("options", [(), ("--allow-edits",)], ids=["read-only", "allow-edits"])
@pytest.mark.timeout(50)  # who waits for SQLite's write lock waits for 60 seconds
def test_looking_does_not_wait_for_a_writer_nor_hold_one_up(serve, home, options):
    dashboard = serve("--home", home, *options)
    writer = sqlite3.connect(home / "sweep.db", isolation_level=None, timeout=0)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE studies SET study_name = 'not committed'")
    assert dashboard.ask("/api/studies").json["study_summaries"][0]["study_name"] == STUDY
    assert len(dashboard.ask("/api/studies/1").json["trials"]) == 1
    writer.execute("COMMIT")  # fails at once if somebody holds a lock
    assert dashboard.ask("/api/studies").json["study_summaries"][0]["study_name"] == "not committed"
    writer.close()


WRITER = f"""
import sys
from storage import locate, open_store
from pathlib import Path

with open_store(locate(None, Path(sys.argv[1])), write=True) as store:
    study = store.load({STUDY!r})
    for _ in range(30):
        trial = study.ask()
        trial.suggest_float("l2", 0, 1)
        trial.report(0.5, 1)
        store.record_heartbeat(trial)
        study.tell(trial, 0.5)
"""


def test_a_study_goes_on_under_the_eyes_of_a_dashboard(serve, home):
    dashboard = serve("--home", home)
    writer = subprocess.Popen([sys.executable, "-W", "ignore", "-c", WRITER, home], stderr=subprocess.PIPE, text=True)
    looked = 0
    while writer.poll() is None:
        assert dashboard.ask("/api/studies/1").status == 200
        assert dashboard.ask("/api/studies/1/param_importances").status in (200, 400)  # 400: too few trials yet
        looked += 1
    assert writer.communicate()[1] == ""
    assert writer.returncode == 0
    assert looked > 5
    with open_store(locate(None, home)) as store:
        assert len(store.load(STUDY).trials) == 31


def test_a_study_made_anew_is_not_taken_for_the_one_that_was_deleted(serve, home):
    dashboard = serve("--home", home)
    assert dashboard.ask("/api/studies/1").json["trials"][0]["values"] == [0.5]
    with open_store(locate(None, home), write=True) as store:
        store.delete(STUDY)
    assert dashboard.ask("/api/studies/1").status == 404
    make_study(home, [0.75, 0.25])  # SQLite gives it the same id, and its trials the same ones
    assert [trial["values"] for trial in dashboard.ask("/api/studies/1").json["trials"]] == [[0.75], [0.25]]


def test_a_study_replaced_between_two_looks_is_not_taken_for_the_former(serve, home):
    dashboard = serve("--home", home)
    assert dashboard.ask("/api/studies/1").json["trials"][0]["values"] == [0.5]
    with open_store(locate(None, home), write=True) as store:
        store.delete(STUDY)
    make_study(home, [0.75])
    assert [trial["values"] for trial in dashboard.ask("/api/studies/1").json["trials"]] == [[0.75]]


def test_a_store_that_fails_is_told_in_one_line_and_the_dashboard_goes_on(serve, home):
    dashboard = serve("--home", home)
    with sqlite3.connect(home / "sweep.db") as database:
        database.execute("ALTER TABLE studies RENAME TO hidden")
    assert dashboard.ask("/api/studies").status == 500
    with sqlite3.connect(home / "sweep.db") as database:
        database.execute("ALTER TABLE hidden RENAME TO studies")
    database.close()
    assert dashboard.ask("/api/studies").status == 200
    dashboard.process.terminate()
    _, _, told = dashboard.end()
    assert "A request failed: " in told
    assert "no such table: studies" in told
    assert "Traceback" not in told


def test_studies_in_postgresql_are_shown_and_the_password_is_not(serve, postgres_url):
    location = locate(postgres_url, "")
    with open_store(location, write=True) as store:
        store.create(ODD_STUDY, metric="validation accuracy")
    dashboard = serve("--allow-edits", SWEEP_STORAGE=location.url.set(password="geheim").render_as_string(False))
    (study,) = dashboard.ask("/api/studies").json["study_summaries"]
    assert study["study_name"] == ODD_STUDY
    assert "geheim" not in dashboard.line
    assert dashboard.ask(f"/api/studies/{study['study_id']}", "DELETE").status == 200
    assert dashboard.ask("/api/studies").json["study_summaries"] == []
