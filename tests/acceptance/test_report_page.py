"""`sweep report` after a real run, looked at in a real browser that has no network."""

import json
import os
import re
import shlex
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytestmark = pytest.mark.long

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

STUDY = "isolated-quick"
WIDTHS = (900, 1400)  # pixels
DRAWN = """
() => [...document.querySelectorAll('figure')].map(figure => {
    const picture = figure.querySelector('svg, img');
    const box = picture.getBoundingClientRect();
    const shapes = picture.querySelectorAll('path, image, use').length;
    const marks = picture.tagName === 'IMG' ? picture.naturalWidth : shapes;
    return {tag: picture.tagName, width: box.width, height: box.height, right: box.right, marks};
})
"""


@pytest.fixture(scope="module")
def place(known_experiments):
    return known_experiments[0]


@pytest.fixture(scope="module")
def written(place) -> Path:
    """The page of a first run on Fashion-MNIST."""
    answer = place.sweep("report", STUDY, "--out", "report.html")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout == ""
    assert answer.stderr.startswith("Wrote report.html, ")
    return place.folder / "report.html"


@pytest.fixture
def opened(written: Path, browser: "Browser") -> "Iterator[tuple[Page, list[str], list[str]]]":
    """The page in a browser without a network; what its console said, and what it asked for."""
    context = browser.new_context(offline=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    yield page, said, asked
    context.close()


def test_the_page_opens_without_a_network_and_without_a_complaint(opened, written):
    page, said, asked = opened
    assert page.title() == f"{STUDY} \N{EN DASH} sweep report"
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [written.as_uri()]


@pytest.mark.parametrize("width", WIDTHS)
def test_every_figure_is_drawn_within_the_page(opened, width):
    page, _, _ = opened
    page.set_viewport_size({"width": width, "height": 900})
    figures = page.evaluate(DRAWN)
    tags = [figure["tag"] for figure in figures]
    assert tags.count("svg") >= 10
    assert tags.count("IMG") == 2  # the scatter and the surest mistakes, as the trial left them
    for figure in figures:
        assert figure["width"] > 100
        assert figure["height"] > 50
        assert figure["marks"] > 5
        assert figure["right"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_screen_says_what_to_make_of_the_study(opened, place):
    page, _, _ = opened
    box = page.locator(".headline")
    best = place.json("status", STUDY)["best"]
    assert f"ahead so far is trial {best['number']}, " in box.locator("h2").inner_text()
    assert "This is a quick look" in box.inner_text()
    assert f"{100 * best['value']:.2f} %" in box.inner_text()
    assert box.bounding_box()["y"] < 200
    weights = place.home / "weights" / STUDY / f"{best['number']}.weights.npz"
    assert weights.is_file()
    assert f"sweep-data/weights/{STUDY}/{weights.name} on host" in box.inner_text()


def test_the_page_shows_the_trials_as_the_other_commands_do(opened, place):
    page, _, _ = opened
    table = page.locator("table", has=page.locator("caption", has_text="every reported experiment"))
    rows = [row.split("\t") for row in table.locator("tbody tr").all_inner_texts()]
    trials = [trial for trial in place.json("trials", STUDY) if "reused_from" not in trial["user_attrs"]]
    ranked = sorted(trials, key=lambda trial: (-trial["value"], trial["number"]))
    shown = [*ranked[:10], *(trial for trial in ranked[10:] if trial["baseline"])]
    assert [int(row[1]) for row in rows] == [trial["number"] for trial in shown]
    assert "fashion-mnist" in page.locator("#s1-data").locator("..").inner_text()


def test_the_page_can_be_printed(opened):
    page, _, _ = opened
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert 5 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 40


def test_the_page_is_small_enough_to_be_sent(written):
    assert written.stat().st_size < 3_000_000


def test_the_same_facts_come_as_markdown(place):
    answer = place.sweep("report", STUDY, "--out", "-", "--format", "md")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"# {STUDY}\n")
    assert "### 15. How to repeat it" in answer.stdout


def test_writing_again_replaces_the_file_and_changes_nothing_else(place, written):
    before = {path: path.read_bytes() for path in place.home.rglob("*.weights.npz")}
    with sqlite3.connect(place.home / "sweep.db") as store:
        rows = store.execute("SELECT count(*) FROM trial_user_attributes").fetchone()
    (place.folder / "again.html").write_text("something else")
    assert place.sweep("report", STUDY, "--out", "again.html").returncode == 0
    assert (place.folder / "again.html").read_text().startswith("<!DOCTYPE html>")
    assert not list(place.folder.glob(".again.html*"))
    assert {path: path.read_bytes() for path in place.home.rglob("*.weights.npz")} == before
    with sqlite3.connect(place.home / "sweep.db") as store:
        assert store.execute("SELECT count(*) FROM trial_user_attributes").fetchone() == rows


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("isolated-quik", "--out", "x.html"), 2, "Known studies: isolated-quick"),
        ((STUDY, "--out", "x.pdf"), 2, "add --format html or --format md"),
        ((STUDY, "--out", "x.html", "--format", "json"), 2, "Known: html, md"),
        ((STUDY, "--out", "nowhere/x.html"), 1, "there is no folder nowhere"),
        ((STUDY, "--out", "sweep-data", "--format", "html"), 2, "sweep-data is a folder"),
    ],
    ids=["unknown study", "suffix", "format", "no folder", "a folder"],
)
def test_what_cannot_be_written_is_said_with_the_way_out(place, arguments, code, said):
    answer = place.sweep("report", *arguments)
    assert answer.returncode == code
    assert said in answer.stderr
    assert not list(place.folder.glob("x.*"))


def test_a_folder_that_cannot_be_written_is_named(place):
    folder = Path("/sys")  # where even root may write nothing
    if os.geteuid() != 0:
        folder = place.folder / "closed"
        folder.mkdir(mode=stat.S_IRUSR | stat.S_IXUSR)
    answer = place.sweep("report", STUDY, "--out", folder / "x.html")
    assert answer.returncode == 1
    assert f"{folder / 'x.html'} cannot be written" in answer.stderr
    assert "Choose another --out." in answer.stderr


@pytest.mark.parametrize("chosen", [(), ("isolated-6", "isolated-2")], ids=["all experiments", "some"])
def test_the_command_on_the_page_makes_the_same_study_again(workplace, chosen):
    odd = {
        "--study": "an odd one", "--dataset": "digits", "--limit": 40, "--epochs": 7, "--patience": 3,
        "--batch-size": 16, "--sampler": "random", "--pruner": "halving", "--image-size": 30, "--seed": 7,
        "--trials": 5, "--until": 0.875, "--trial-timeout": "1h30m", "--max-failures": 4, "--keep": 1,
    }  # fmt: skip
    options = [str(part) for pair in odd.items() for part in pair]
    options += [part for name in chosen for part in ("--experiment", name)]
    assert workplace.sweep("create", "--family", "isolated", *options, "--color").returncode == 0
    page = workplace.sweep("report", "an odd one", "--out", "-", "--format", "md").stdout
    (line,) = re.findall(r"^\$ (sweep start .*)$", page, flags=re.MULTILINE)
    _, _, *again = shlex.split(line)
    assert workplace.sweep("create", *again, "--home", "elsewhere").returncode == 0
    other = ("an odd one", "--home", "elsewhere")
    assert _terms(workplace.json("status", "an odd one")) == _terms(workplace.json("status", *other))
    queue = _queue(workplace.json("trials", "an odd one"))
    assert queue == _queue(workplace.json("trials", *other))
    assert len(queue) == (len(chosen) or 10)


def _terms(status: dict[str, Any]) -> str:
    rules = ("identity", "trials_wanted", "until", "trial_timeout", "max_failures", "max_retries")
    return json.dumps({name: status[name] for name in rules}, sort_keys=True)


def _queue(trials: list[dict[str, Any]]) -> list[Any]:
    return [(trial["state"], trial["baseline"], trial["params"]) for trial in trials]


def test_several_studies_stand_on_one_page_even_those_that_wait(copy_of_known_experiments, browser):
    place = copy_of_known_experiments
    shutil.rmtree(place.home / "artifacts")
    assert place.sweep("create", "--family", "grouped", "--limit", 50).returncode == 0
    answer = place.sweep("report", STUDY, "grouped-quick", STUDY, "--out", "both.html")
    assert answer.returncode == 0, answer.stderr
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.goto((place.folder / "both.html").as_uri())
    assert page.locator("article").count() == 2
    assert page.locator("h1").all_inner_texts() == [f"{STUDY}, grouped-quick"]
    assert page.locator("#s2-headline").inner_text() == "No model yet: no trial is complete."
    assert "its file is not here" in page.locator("#s1-mistakes").locator("..").inner_text()
    assert page.locator("img").count() == 0
    context.close()
