"""A figure as bytes: the same figure gives the same bytes."""

import gc
import re
from io import BytesIO
from typing import Literal

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

from sweep.figures.text import FAMILY

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PREAMBLE = re.compile(r"\A.*?(?=<svg\b)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>\s*", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->\s*", re.DOTALL)
_IDENTITY = re.compile(r'(\bid="|\bhref="#|url\(#)([^")]+)')


def render(figure: Figure, *, format: Literal["png", "svg"] = "png", name: str = "figure") -> bytes:  # noqa: A002
    """Draw a figure.

    Args:
        figure: One that was not drawn on a screen.
        format: `png` at 150 dots in an inch, or `svg`. An SVG is an element to be put into a page as it is, or
            a file of its own; its text is drawn as paths, which look the same whatever fonts there are. Defaults
            to `png`.
        name: Begins every id in an SVG, so that several can stand in one page: a letter, then letters, digits,
            `_` and `-`. Defaults to `figure`.

    Returns:
        The file's content.

    Raises:
        ValueError: If the format or the name is none.
    """
    if format not in ("png", "svg"):
        raise ValueError(f"A figure is drawn as 'png' or 'svg'. Received: format={format!r}")
    if not _NAME.fullmatch(name):
        raise ValueError(f"A figure's name is a letter, then letters, digits, _ and -. Received: name={name!r}")
    # A drawn figure is full of cycles that hold its pixels, 4 MiB of them. Left to the collector's own time, what
    # earlier figures left behind adds up to 60 MiB.
    gc.collect()
    _plain(figure)
    file = BytesIO()
    # Not savefig: a user's matplotlibrc may have it crop the figure, or make it transparent.
    if format == "png":
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": None})  # type: ignore[no-untyped-call]
        return file.getvalue()
    dpi = figure.dpi
    try:
        metadata = {"Title": str(figure.get_label()), "Date": None}
        FigureCanvasSVG(figure).print_svg(file, metadata=metadata)  # type: ignore[no-untyped-call]
    finally:
        figure.dpi = dpi  # an SVG is drawn with 72
    return _inline(file.getvalue().decode("utf-8"), name).encode("utf-8")


def _plain(figure: Figure) -> None:
    """Have every text drawn as it is written and in our font, whatever a user's matplotlibrc says."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # else they come into being only while the figure is drawn
    for text in figure.findobj(Text):
        text.set(parse_math=False, usetex=False, fontfamily=FAMILY)


def _inline(svg: str, name: str) -> str:
    """Number the ids, which hold random parts, and take out what concerns only a file of its own."""
    for unwanted in (_PREAMBLE, _METADATA, _COMMENT):
        svg = unwanted.sub("", svg)
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"{match[1]}{name}-{numbers.setdefault(match[2], len(numbers) + 1)}"

    svg = _IDENTITY.sub(number, svg)
    svg = svg.replace("<svg ", f'<svg id="{name}" role="img" ', 1)
    return svg.replace("*{", f"#{name} *{{", 1)  # matplotlib's style sheet would else hold for the whole page
