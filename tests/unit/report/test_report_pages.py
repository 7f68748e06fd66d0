"""The page as HTML and as Markdown: complete, self-contained, and safe whatever things are called."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from sweep.errors import UsageError
from sweep.report.writing import Format, choose_format

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(1)>'
HEADINGS = (
    "What was asked",
    "The data",
    "Reported experiments",
    "Best against baselines",
    "How the search went",
    "Learning curves",
    "Hyperparameters",
    "Accuracy against cost",
    "Confusion matrices",
    "What the best model sees and mistakes",
    "Failures, pruning, repeats",
    "Budget used",
    "Looks at the test images",
    "Environment",
    "How to repeat it",
)
VOID = frozenset({"meta", "img", "br", "link", "input", "hr"})


class Outline(HTMLParser):
    """Elements, headings and identities of a page; every element that is opened must be closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.headings, self.identities, self.links, self.open = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.identities += [value for name, value in attributes if name == "id"]
        self.links += [value for name, value in attributes if name in ("href", "xlink:href") and tag == "a"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and re.fullmatch("h[1-6]", self.open[-1]):
            self.headings.append((int(self.open[-1][1]), data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_page_has_every_section_in_order_under_the_headline(whole_html):
    outline = Outline(whole_html)
    assert outline.open == []
    assert outline.headings[0] == (1, "isolated")
    assert outline.headings[1][1].startswith("Deploy trial 12")
    assert outline.headings[2:] == [(2, f"{place}. {name}") for place, name in enumerate(HEADINGS, start=1)]


def test_a_page_needs_nothing_but_itself(whole_html):
    text = whole_html
    outline = Outline(text)
    policy = next(each["content"] for each in outline.all("meta") if each.get("http-equiv"))
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert not outline.all("script")
    assert not outline.all("link")
    assert {image["src"][:22] for image in outline.all("img")} == {"data:image/png;base64,"}
    for _, attributes in outline.elements:
        for name in ("src", "href", "xlink:href"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png"))
    assert "url(http" not in text
    assert "@import" not in text


def test_every_link_and_label_leads_to_one_place(whole_html):
    outline = Outline(whole_html)
    assert len(set(outline.identities)) == len(outline.identities)
    assert {link.removeprefix("#") for link in outline.links} <= set(outline.identities)
    labelled = [each["aria-labelledby"] for _, each in outline.elements if "aria-labelledby" in each]
    assert set(labelled) <= set(outline.identities)


def test_every_picture_says_what_it_shows_and_every_table_names_rows_and_columns(whole_html):
    outline = Outline(whole_html)
    assert len(outline.all("svg")) >= 10
    assert all(len(each["aria-label"]) > 20 for each in outline.all("svg"))
    assert all(len(each["alt"]) > 20 for each in outline.all("img"))
    assert len(outline.all("caption")) == len(outline.all("table"))
    assert {each.get("scope") for each in outline.all("th")} == {"row", "col"}


@pytest.mark.long
def test_several_studies_are_compared_first_and_share_no_identity(make_study, told, as_html, as_markdown):
    first = make_study([told(hits=5600), told(attributes={"baseline": "isolated-1"})], name="first")
    second = make_study([told(hits=5400)], name="second", seed=7)
    outline = Outline(as_html(first, replace(second, key="s2")))
    assert outline.headings[:2] == [(1, "first, second"), (2, "The studies beside each other")]
    assert len(set(outline.identities)) == len(outline.identities)
    text = as_markdown(first, second)
    assert "The studies differ in seed" in text
    row = next(line for line in text.splitlines() if line.startswith("| first"))
    assert "93.33" in row
    assert "+1.67 points" in row


def test_the_same_study_gives_the_same_page(whole_study, as_html, whole_html, as_markdown, whole_markdown):
    assert as_html(whole_study) == whole_html
    assert as_markdown(whole_study) == whole_markdown


@pytest.fixture(scope="module")
def hostile(make_study, told):
    """Markup in every name that people choose."""
    labels = (SCRIPT, IMAGE, "$x^2$", "a|b", "--><svg onload=alert(1)>", *"56789")
    return make_study(
        [
            told(attributes={"baseline": IMAGE, "host": SCRIPT, "versions": {SCRIPT: IMAGE}}),
            told(config={"backbone": SCRIPT}, hits=5600, attributes={"device": IMAGE}),
            told(state="FAIL", hits=None, attributes={"failure": SCRIPT, "failure_message": IMAGE}),
            told(state="PRUNED", hits=None, value=0.5, attributes={"pruned_because": SCRIPT}),
        ],
        name=f"{SCRIPT} {IMAGE}",
        labels=labels,
        dataset=SCRIPT,
        dataset_sha256="other",
    )


@pytest.fixture(scope="module")
def hostile_html(hostile, as_html):
    return as_html(hostile)


def test_markup_in_names_is_shown_as_text(hostile_html):
    outline = Outline(hostile_html)
    assert not outline.all("script")
    assert not [name for _, each in outline.elements for name in each if name.startswith("on")]
    assert all(image["src"].startswith("data:") for image in outline.all("img"))
    assert f"1. {HEADINGS[0]}" in dict(map(reversed, outline.headings))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in hostile_html


def test_drawings_hold_nothing_but_shapes(hostile_html):
    drawings = re.findall(r"<svg .*?</svg>", hostile_html, flags=re.DOTALL)
    assert drawings
    known = {"svg", "defs", "style", "g", "path", "use", "clipPath", "rect", "image", "text", "title"}
    for drawing in drawings:
        for element in ET.fromstring(drawing).iter():
            assert element.tag.rpartition("}")[2] in known
            assert not [name for name in element.attrib if name.startswith("on")]


def test_markdown_escapes_what_would_be_markup(hostile, as_markdown):
    text = as_markdown(hostile)
    assert SCRIPT not in text.replace("$ sweep", "")[: text.index("```")]
    outside = re.sub(r"```console\n.*?```", "", text, flags=re.DOTALL)
    assert "<" not in re.sub(r"\\<", "", outside)
    assert r"\<script\>" in outside
    for line in outside.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in range(3, 16)


def test_markdown_has_the_same_facts_and_words_for_the_pictures(whole_markdown):
    text = whole_markdown
    assert [line for line in text.splitlines() if line.startswith("### ")] == [
        f"### {place}. {name}" for place, name in enumerate(HEADINGS, start=1)
    ]
    assert "**Deploy trial 12" in text
    assert "```console\n$ sweep export isolated --trial 12" in text
    assert "| isolated-10 | 9 | 92.63 | 91.97 | -0.66 |" in text
    assert "*Picture, in the HTML report only:*" in text
    assert "<svg" not in text


def test_a_table_of_markdown_has_as_many_cells_as_columns(whole_markdown):
    lines = whole_markdown.splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", before)) == len(re.findall(r"(?<!\\)\|", line))


@pytest.mark.parametrize(
    ("name", "wanted", "found"),
    [
        ("report.html", None, Format.HTML),
        ("report.HTM", None, Format.HTML),
        ("report.md", None, Format.MARKDOWN),
        ("a.b.markdown", None, Format.MARKDOWN),
        ("-", None, Format.HTML),
        ("report.html", "md", Format.MARKDOWN),
        ("report", "html", Format.HTML),
    ],
)
def test_the_format_is_the_one_asked_for_or_that_of_the_name(name, wanted, found):
    assert choose_format(Path(name), wanted) is found


@pytest.mark.parametrize(
    ("name", "wanted", "said"),
    [
        ("report.pdf", None, "Received: .pdf"),
        ("report", None, "Received: no suffix"),
        ("report.html", "hmtl", "Did you mean 'html'"),
    ],
)
def test_an_unknown_format_is_a_usage_error_with_the_way_out(name, wanted, said):
    with pytest.raises(UsageError, match=said):
        choose_format(Path(name), wanted)
