"""The dashboard as a browser shows it, under the headers that it is served with."""

import base64
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Error, expect
from served import ODD_STUDY, QUEUED_STUDY, STUDY, Served, make_study

pytestmark = pytest.mark.long

PASSWORD = "pässword: with colon"
LOADED = "() => document.images.length > 0 && [...document.images].every(image => image.complete)"


@pytest.fixture
def open_page(browser):
    """Opens pages in contexts of their own; what a page complains of is collected in its `complaints`."""
    contexts = []

    def make(**settings):
        contexts.append(browser.new_context(viewport={"width": 1400, "height": 1000}, **settings))
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()


def _go(page, url):
    page.goto(url)
    page.wait_for_load_state("networkidle")


def test_the_way_from_the_list_of_studies_to_the_pictures_of_a_trial(shown, open_page):
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    _go(page, shown.url)
    for name in (STUDY, ODD_STUDY, QUEUED_STUDY):
        expect(page.get_by_text(f". {name}")).to_be_visible()
    page.get_by_text(f"1. {STUDY}").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    expect(page.locator(".main-svg").first).to_be_visible()  # Plotly drew
    page.locator("a[href$='/studies/1/trials']").click()
    expect(page.get_by_role("heading", name="Trial 0 (trial_id=1)")).to_be_visible()
    page.wait_for_function(LOADED)
    assert page.evaluate("document.documentElement.scrollWidth") == 1400, "a long attribute widens the page"
    sizes = page.evaluate("[...document.images].map(image => [image.naturalWidth, image.naturalHeight])")
    assert sorted(sizes) == [[30, 30], [64, 48]]  # the SVG is shown too, as a picture: no script runs in it
    assert page.title() != "taken over"
    page.get_by_test_id("FullscreenIcon").click()
    expect(page.get_by_role("cell", name="0.6")).to_be_visible()  # the table that was attached
    assert page.complaints == []
    inside = re.compile(re.escape(shown.url) + "/|data:|blob:")
    assert [each for each in asked if each[0] != "GET" or not inside.match(each[1])] == []


@pytest.mark.parametrize("study", [1, 2, 3], ids=["with pictures", "oddly named", "queued"])
def test_no_page_of_a_study_complains(shown, open_page, study):
    page = open_page()
    _go(page, f"{shown.url}/dashboard/studies/{study}")
    links = page.locator(f"a[href^='/dashboard/studies/{study}/']").evaluate_all("all => all.map(a => a.pathname)")
    assert len(set(links)) >= 4
    for link in sorted(set(links)):
        _go(page, shown.url + link)
    assert page.complaints == []


def test_the_page_tells_that_a_study_was_not_deleted(shown, open_page):
    page = open_page()
    _go(page, shown.url)
    page.get_by_test_id("DeleteIcon").first.click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Failed to delete study")).to_be_visible()
    status, document = page.evaluate(
        "async () => { const answer = await fetch('/api/studies/1', {method: 'DELETE'});"
        " return [answer.status, await answer.json()]; }"
    )
    assert status == 405
    assert "--allow-edits" in document["reason"]
    assert len(shown.ask("/api/studies").json["study_summaries"]) == 3


def test_where_changes_are_allowed_the_page_deletes_a_study(serve, home, open_page):
    dashboard = serve("--home", home, "--allow-edits")
    page = open_page()
    _go(page, dashboard.url)
    page.get_by_test_id("DeleteIcon").first.click()
    page.get_by_role("button", name="Yes").click()
    expect(page.get_by_text("Success to delete a study")).to_be_visible()
    assert page.complaints == []
    assert dashboard.ask("/api/studies").json["study_summaries"] == []


@pytest.mark.parametrize("name", ["page.html", "figure.svg"])
def test_a_file_with_script_in_it_is_downloaded_and_runs_nothing(shown, open_page, name):
    files = shown.ask("/api/studies/1").json["trials"][0]["artifacts"]
    path = next(f"/artifacts/1/1/{file['artifact_id']}" for file in files if file["filename"] == name)
    page = open_page()
    _go(page, shown.url)
    with page.expect_download(), pytest.raises(Error, match=r"Download is starting|ERR_ABORTED"):
        page.goto(shown.url + path)
    assert page.title() == "Optuna Dashboard"


@pytest.fixture
def page_elsewhere():
    """The address of an empty page that another server of this host serves."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Empty) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_a_page_elsewhere_can_neither_read_nor_change_nor_frame_it(serve, home, open_page, page_elsewhere):
    dashboard = serve("--home", home, "--allow-edits")
    page = open_page()
    page.goto(page_elsewhere)
    read = "url => fetch(url).then(() => 'read', () => 'refused')"
    assert page.evaluate(read, f"{dashboard.url}/api/studies") == "refused"
    frame = "url => { const frame = document.createElement('iframe'); frame.src = url; document.body.append(frame); }"
    with page.expect_event("console", lambda said: "frame" in said.text.lower()):
        page.evaluate(frame, f"{dashboard.url}/dashboard")
    # A form is sent without asking first.
    send = (
        "url => { const form = document.createElement('form'); form.method = 'POST'; form.action = url;"
        " document.body.append(form); form.submit(); }"
    )
    with page.expect_navigation() as arrived:
        page.evaluate(send, f"{dashboard.url}/api/studies")
    assert arrived.value.status == 403
    (study,) = dashboard.ask("/api/studies").json["study_summaries"]
    assert study["study_name"] == STUDY


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("locked")
    make_study(folder, [0.5])
    served = Served(("--home", folder, "--port", 0), folder, {"SWEEP_DASHBOARD_PASSWORD": PASSWORD})
    yield served
    served.close()


def test_without_the_password_the_browser_shows_nothing(locked, open_page):
    page = open_page()
    with pytest.raises(Error, match="ERR_INVALID_AUTH_CREDENTIALS"):
        page.goto(locked.url)


def test_with_the_password_the_page_and_all_that_it_asks_for_is_shown(locked, open_page):
    # As browsers write what was typed: in UTF-8, for the answer asks for it; Playwright's own way stays within Latin-1.
    typed = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    page = open_page(extra_http_headers={"Authorization": f"Basic {typed}"})
    _go(page, locked.url)
    expect(page.get_by_text(f"1. {STUDY}")).to_be_visible()
    assert page.complaints == []


def test_the_browser_s_own_question_for_a_password_is_answered(serve, home, open_page):
    dashboard = serve("--home", home, SWEEP_DASHBOARD_PASSWORD="plain")
    page = open_page(http_credentials={"username": "me", "password": "plain"})
    _go(page, dashboard.url)
    expect(page.get_by_text(f"1. {STUDY}")).to_be_visible()
