"""A page as text: HTML that needs nothing else, or Markdown."""

import base64
import html
import re
from enum import StrEnum
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sweep.errors import UsageError
from sweep.figures.rendering import render
from sweep.figures.style import DPI
from sweep.names import nearest
from sweep.report.blocks import Page, Photograph, Picture


class Format(StrEnum):
    """What a page is written as."""

    HTML = "html"
    MARKDOWN = "md"


SUFFIXES = {".html": Format.HTML, ".htm": Format.HTML, ".md": Format.MARKDOWN, ".markdown": Format.MARKDOWN}
# Characters that mean something in Markdown, wherever they stand; the rest only matters where a line begins.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|~$&#!]")


def choose_format(path: Path, wanted: str | None) -> Format:
    """The format asked for, else the one that the file's name says; standard output, `-`, is HTML.

    Raises:
        UsageError: If neither says one.
    """
    if wanted is not None:
        if wanted not in list(Format):
            known = ", ".join(Format)
            raise UsageError(f"No report format named '{wanted}'.{nearest(wanted, Format)} Known: {known}.")
        return Format(wanted)
    if str(path) == "-":
        return Format.HTML
    found = SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UsageError(
            f"The name {path} does not say what to write. Expected one that ends with {', '.join(SUFFIXES)}. "
            f"Received: {path.suffix or 'no suffix'}. Name the file so, or add --format html or --format md."
        )
    return found


def write(page: Page, wanted: Format) -> str:
    """A page as text.

    Args:
        page: What it says.
        wanted: HTML is one element of text with all pictures in it; Markdown has the words for them alone.
    """
    return _html(page) if wanted is Format.HTML else _markdown(page)


def _html(page: Page) -> str:
    environment = Environment(
        loader=PackageLoader("sweep.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.update(svg=_svg, data_uri=_data_uri, width=_width)
    return environment.get_template("report.html.j2").render(page=page)


def _svg(picture: Picture) -> Markup:
    drawn = render(picture.draw(), format="svg", name=f"figure-{picture.name}").decode()
    label = f'<svg aria-label="{html.escape(picture.alt)}" '
    # The figure's text is drawn as paths: nothing that a user named stands in it as markup.
    return Markup(drawn.replace("<svg ", label, 1))  # noqa: S704


def _data_uri(photograph: Photograph) -> str:
    return f"data:image/png;base64,{base64.b64encode(photograph.png).decode()}"


def _width(photograph: Photograph) -> int:
    """How wide it is shown, in CSS pixels, 96 an inch: as large as the figures that are drawn for the page."""
    return round(int.from_bytes(photograph.png[16:20]) * 96 / DPI)  # where a PNG says how wide it is


def _markdown(page: Page) -> str:
    environment = Environment(  # noqa: S701 - Markdown has an escape of its own, `finalize`
        loader=PackageLoader("sweep.report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True, finalize=_literal,
    )  # fmt: skip
    environment.filters.update(code=_code, raw=Markup)
    return environment.get_template("report.md.j2").render(page=page)


def _literal(value: Any) -> Any:
    """A text as Markdown that shows it."""
    if isinstance(value, Markup):
        return value
    return _MARKDOWN.sub(lambda found: f"\\{found[0]}", " ".join(str(value).split()))


def _code(text: str) -> Markup:
    """Lines between fences; a line of it cannot end them."""
    return Markup(text.replace("`", "'"))  # noqa: S704 - no markup is read between fences
