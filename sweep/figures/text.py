"""Text in figures: shown as it is written, in a font that matplotlib brings along."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

FAMILY: Final = "DejaVu Sans"
TITLE_SIZE: Final = 11.0  # points
BODY_SIZE: Final = 9.0  # points
SMALL_SIZE: Final = 8.0  # points

_UNKNOWN = "▯"  # stands for what the font has no glyph for; matplotlib would warn on every drawing


def plain(text: object) -> str:
    """Any text in one line, with only characters that the font can draw."""
    known = _glyphs()
    return "".join(each if ord(each) in known else _UNKNOWN for each in " ".join(str(text).split()))


def width_of(text: str, *, size: float, bold: bool = False) -> float:
    """Width of a plain text, in inches.

    Args:
        text: One line.
        size: Size of the font, in points.
        bold: Whether it is bold. Defaults to False.
    """
    width, _, _ = text_to_path.get_text_width_height_descent(text, font(size, bold=bold), ismath=False)
    return float(width) / 72  # points in an inch


def fitted(text: object, *, size: float, width: float, bold: bool = False) -> str:
    """A text in one line, shortened with … where it is too wide.

    Args:
        text: Any text.
        size: Size of the font, in points.
        width: Room there is, in inches.
        bold: Whether it is bold. Defaults to False.
    """
    # No letter is narrower than a fifth of the size: what lies beyond need not be measured.
    whole = plain(text)
    most = int(width * 72 / size * 5) + 1
    if len(whole) <= most and width_of(whole, size=size, bold=bold) <= width:
        return whole
    fits, too_long = 0, min(len(whole), most)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if width_of(whole[:middle] + "…", size=size, bold=bold) <= width:
            fits = middle
        else:
            too_long = middle
    return whole[:fits].rstrip() + "…"


def class_names(labels: Sequence[str], *, size: float, width: float) -> list[str]:
    """The classes' names, each within a width; those that would look alike get their index in front.

    Args:
        labels: Names of the classes, in the order of their indices.
        size: Size of the font, in points.
        width: Room for one name, in inches.
    """
    names = [fitted(label, size=size, width=width) for label in labels]
    times = Counter(names)
    return [
        name if name and times[name] == 1 else fitted(f"{index}: {name}" if name else index, size=size, width=width)
        for index, name in enumerate(names)
    ]


def write(on: Axes | Figure, x: float, y: float, text: str, *, size: float = BODY_SIZE, **properties: Any) -> Text:
    """Put a text somewhere, a dollar sign being a dollar sign.

    Args:
        on: An axes, whose data coordinates count, or a figure, where 0…1 spans it.
        x: Where, to the right.
        y: Where, upwards.
        text: What.
        size: Size of the font, in points. Defaults to 9.
        **properties: matplotlib's properties of a `Text`.
    """
    bold = properties.pop("bold", False)
    return on.text(x, y, text, fontproperties=font(size, bold=bold), parse_math=False, usetex=False, **properties)


def font(size: float, *, bold: bool = False) -> FontProperties:
    """The one font, in a size in points."""
    return FontProperties(family=FAMILY, size=size, weight="bold" if bold else "normal")


@cache
def _glyphs() -> frozenset[int]:
    return frozenset(get_font(findfont(font(BODY_SIZE))).get_charmap())
