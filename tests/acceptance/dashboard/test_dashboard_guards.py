"""Who may ask a dashboard, for what, and what a browser may do with the answer."""

import http.client
import json
import socket

import psutil
import pytest
from served import FILES, STUDY, Served, basic, make_study

from storage import locate, open_store
from storage.engines import without_optuna_warnings

PASSWORD = "pässword: with colon"
LOCK = {"SWEEP_DASHBOARD_PASSWORD": PASSWORD}
NOTE = {"version": 1, "body": "a note"}


def _files(shown):
    trial = shown.ask("/api/studies/1").json["trials"][0]
    return {file["filename"]: f"/artifacts/1/1/{file['artifact_id']}" for file in trial["artifacts"]}


# Headers


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/", "localhost", 302),
        ("GET", "/dashboard", "localhost", 200),
        ("GET", "/api/studies", "localhost", 200),
        ("GET", "/static/bundle.js", "localhost", 200),
        ("GET", "/nowhere", "localhost", 404),
        ("DELETE", "/api/studies/1", "localhost", 405),
        ("GET", "/dashboard", "evil.example", 421),
    ],
)
def test_every_answer_has_the_headers_that_protect_its_reader(shown, method, path, host, status):
    answer = shown.ask(path, method, Host=host, Accept_Encoding="gzip")
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")
    assert "server" not in answer.headers


def test_only_the_page_runs_script_and_only_its_own(shown):
    policy = dict(
        each.split(" ", 1)
        for each in shown.ask("/dashboard").headers["content-security-policy"].split("; ")
        if " " in each
    )
    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["connect-src"] == "'self'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    for path in ("/api/studies", "/nowhere", "/static/bundle.js", "/dashboards"):
        elsewhere = shown.ask(path, Accept_Encoding="gzip").headers["content-security-policy"]
        assert "script-src" not in elsewhere
        assert "sandbox" in elsewhere


# Artifacts


def test_a_picture_and_a_table_are_shown_where_they_are(shown):
    for name, kind, start in (("curve.png", "image/png", b"\x89PNG"), ("table.csv", "text/csv", b"epoch,")):
        answer = shown.ask(_files(shown)[name])
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert answer.body.startswith(start)
        assert "content-disposition" not in answer.headers


@pytest.mark.parametrize("name", ["figure.svg", "page.html"])
def test_a_file_that_could_run_script_is_only_downloaded(shown, name):
    answer = shown.ask(_files(shown)[name])
    assert answer.status == 200
    assert answer.headers["content-disposition"] == "attachment"


def test_no_file_is_given_to_pages_elsewhere(shown):
    for name in FILES:
        headers = shown.ask(_files(shown)[name], Origin="http://evil.example").headers
        assert "access-control-allow-origin" not in headers
        assert "sandbox" in headers["content-security-policy"]


def test_a_file_that_is_missing_is_said_to_be_missing(serve, home):
    with open_store(locate(None, home), write=True) as store, without_optuna_warnings():
        trial = store.load(STUDY).ask()
        record = {"artifact_id": "00-1", "filename": "lost.png", "mimetype": "image/png", "encoding": None}
        trial.storage.set_trial_system_attr(trial._trial_id, "artifacts:00-1", json.dumps(record))
    dashboard = serve("--home", home)
    answer = dashboard.ask("/artifacts/1/2/00-1")
    assert answer.status == 404
    assert "artifact folder" in answer.json["reason"]
    assert dashboard.ask("/artifacts/1/2/00-2").status == 404
    dashboard.process.terminate()
    assert dashboard.end()[2] == dashboard.line


# Names


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "LOCALHOST.", "127.0.0.1:8080", "[::1]", "[::1]:80"])
def test_it_answers_to_the_names_of_this_host(shown, host):
    assert shown.ask("/api/studies", Host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "evil.example:localhost", "[::1", "0"],
)
def test_a_name_that_somebody_made_to_point_here_is_refused(shown, host):
    answer = shown.ask("/api/studies", Host=host)
    assert answer.status == 421
    assert "127.0.0.1" in answer.json["reason"]
    assert STUDY not in answer.body.decode()


def test_a_request_without_a_name_is_refused(shown):
    with socket.create_connection(("127.0.0.1", shown.port), timeout=30) as connection:
        connection.sendall(b"GET /api/studies HTTP/1.0\r\n\r\n")
        assert b" 421 " in connection.makefile("rb").readline()


def test_who_forges_a_proxy_s_headers_gets_no_further(shown):
    answer = shown.ask("/", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https")
    assert answer.headers["location"] == f"http://127.0.0.1:{shown.port}/dashboard"


# Password


@pytest.fixture(scope="module")
def locked(gallery, tmp_path_factory):
    """A dashboard with a password, for the tests that only ask."""
    served = Served(("--home", gallery, "--port", 0), tmp_path_factory.mktemp("locked"), LOCK)
    yield served
    served.close()


def test_with_a_password_nothing_is_shown_without_it(locked):
    for method, path in (("GET", "/dashboard"), ("GET", "/static/bundle.js"), ("DELETE", "/api/studies/1")):
        answer = locked.ask(path, method)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Basic realm="sweep dashboard", charset="UTF-8"'
        assert "password" in answer.json["reason"]


def test_the_password_opens_for_any_user_name_and_for_looking_alone(locked):
    for user in ("anyone", "", "ü"):
        assert locked.ask("/api/studies", Authorization=basic(PASSWORD, user)).status == 200
    assert locked.ask("/api/studies/1", "DELETE", Authorization=basic(PASSWORD)).status == 405


@pytest.mark.parametrize(
    "given",
    [
        basic("wrong"),
        basic(""),
        basic(PASSWORD + " "),
        basic(PASSWORD[:-1]),
        basic(PASSWORD).replace("Basic", "Bearer"),
        "Basic",
        "Basic ?",
        "Basic YWJj",
        "Basic " + "A" * 5000,
        "Basic \xff\xfe",
    ],
)
def test_any_other_password_is_refused(locked, given):
    assert locked.ask("/api/studies", Authorization=given).status == 401


def test_the_password_is_told_to_nobody(serve, home):
    dashboard = serve("--home", home, **LOCK)
    dashboard.ask("/api/studies", Authorization=basic(PASSWORD))
    shown_to_all = " ".join(psutil.Process(dashboard.process.pid).cmdline())
    dashboard.process.terminate()
    _, out, err = dashboard.end()
    assert "password asked" in err
    assert PASSWORD not in shown_to_all + out + err


def test_with_verbose_the_log_names_requests_and_no_password(serve, home):
    dashboard = serve("--home", home, "--verbose", **LOCK)
    dashboard.ask("/api/studies", Authorization=basic(PASSWORD))
    dashboard.process.terminate()
    _, _, err = dashboard.end()
    assert "GET /api/studies 200 OK" in err
    assert PASSWORD not in err
    assert basic(PASSWORD) not in err


def test_an_empty_password_is_none(serve, home):
    dashboard = serve("--home", home, SWEEP_DASHBOARD_PASSWORD="")
    assert dashboard.ask("/api/studies").status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
@pytest.mark.parametrize("variables", [{}, {"SWEEP_DASHBOARD_PASSWORD": ""}], ids=["none", "empty"])
def test_others_are_not_let_in_without_a_password(serve, home, host, variables):
    code, out, err = serve("--home", home, "--host", host, **variables).end()
    assert (code, out) == (2, "")
    assert "SWEEP_DASHBOARD_PASSWORD" in err
    assert "--host 127.0.0.1" in err


def test_with_a_password_others_are_let_in_by_any_name(serve, home):
    dashboard = serve("--home", home, "--host", "0.0.0.0", **LOCK)
    assert dashboard.ask("/api/studies", Host="sweep.example", Authorization=basic(PASSWORD)).status == 200
    assert dashboard.ask("/api/studies", Host="sweep.example").status == 401


# Changes


@pytest.fixture
def editable(serve, home):
    return serve("--home", home, "--allow-edits")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A dashboard that allows changes, and the home of its study, which nobody changes."""
    folder = tmp_path_factory.mktemp("untouched")
    make_study(folder, [0.5])
    served = Served(("--home", folder, "--port", 0, "--allow-edits"), folder, {})
    yield served, folder
    served.close()


def _notes(home):
    with open_store(locate(None, home)) as store:
        attributes = store.load(STUDY)._storage.get_study_system_attrs(1)
    return [value for key, value in attributes.items() if "note" in key and "ver" not in key]


def test_where_changes_are_allowed_they_are_stored(editable, home):
    assert "changes allowed" in editable.line
    assert editable.ask("/api/studies/1/note", "PUT", body=NOTE, Sec_Fetch_Site="same-origin").status == 200
    assert _notes(home) == ["a note"]
    assert editable.ask("/api/studies/1").json["note"]["body"] == "a note"


def test_a_file_can_be_attached_where_changes_are_allowed(editable, home):
    with open_store(locate(None, home), write=True) as store, without_optuna_warnings():
        store.load(STUDY).ask()
    body = {"file": "data:image/png;base64,iVBORw0KGgo=", "filename": "a.png"}
    answer = editable.ask("/api/artifacts/1/2", "POST", body=body)
    assert answer.status == 201
    assert editable.ask(f"/artifacts/1/2/{answer.json['artifact_id']}").body == b"\x89PNG\r\n\x1a\n"


def test_a_deleted_study_is_gone(editable, home):
    assert editable.ask("/api/studies/1").status == 200
    assert editable.ask("/api/studies/1", "DELETE").status == 200
    assert editable.ask("/api/studies").json["study_summaries"] == []
    with open_store(locate(None, home)) as store:
        assert store.study_names() == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Sec_Fetch_Site": ""},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": ""},
    ],
    ids=str,
)
def test_a_page_elsewhere_changes_nothing(untouched, headers):
    dashboard, home = untouched
    answer = dashboard.ask("/api/studies/1/note", "PUT", body=NOTE, **headers)
    assert answer.status == 403
    assert "own pages" in answer.json["reason"]
    assert _notes(home) == []


def test_browsers_that_say_less_are_known_by_the_origin_of_the_page(editable, home):
    answer = editable.ask("/api/studies/1/note", "PUT", body=NOTE, Origin=editable.url)
    assert answer.status == 200
    assert _notes(home) == ["a note"]


def test_a_body_that_is_too_long_is_refused_before_it_is_read(untouched):
    dashboard, _ = untouched
    connection = http.client.HTTPConnection("127.0.0.1", dashboard.port, timeout=30)
    connection.putrequest("POST", "/api/studies")
    connection.putheader("Content-Length", str(10**10))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
