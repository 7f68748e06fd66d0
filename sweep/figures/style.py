"""What all figures look like: colours, markers, panels, legends."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from sweep.figures.text import BODY_SIZE, FAMILY, SMALL_SIZE, TITLE_SIZE, fitted, font, write

Floats = npt.NDArray[np.float64]

DPI: Final = 150  # pixels in an inch, of a PNG

# Okabe and Ito's colours, which people with any colour vision can tell apart.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
GREEN: Final = "#009E73"
PURPLE: Final = "#CC79A7"
SKY: Final = "#56B4E9"
VERMILLION: Final = "#D55E00"
YELLOW: Final = "#F0E442"
BLACK: Final = "#000000"
# Two more for data sets of ten classes: a grey and a dark wine red.
GREY: Final = "#999999"
WINE: Final = "#882255"

INK: Final = "#222222"
MUTED: Final = "#666666"
FAINT: Final = "#E4E4E4"

_COLOURS = (BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, BLACK, YELLOW, WINE, GREY)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">")

_TITLE_TOP = 0.12  # inches from the upper edge to the title
_MARGIN = 0.15  # inches from the left edge to the title
HEADER: Final = 0.62  # inches that title and subtitle take
SHORT_HEADER: Final = 0.42  # inches that a title alone takes


def class_style(index: int) -> tuple[str, str]:
    """Colour and marker of a class; the pairs of the first hundred classes are all different."""
    turn = index // len(_COLOURS)
    return _COLOURS[index % len(_COLOURS)], _MARKERS[(index + turn) % len(_MARKERS)]


def new_figure(width: float, height: float, *, title: str, subtitle: str = "") -> Figure:
    """A white figure with a title.

    Args:
        width: In inches.
        height: In inches.
        title: Shortened where it is too long.
        subtitle: A second, quieter line. Defaults to none.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", edgecolor="white")
    figure.set_layout_engine("none")  # panels stand where they are put, whatever a matplotlibrc says
    room = width - 2 * _MARGIN
    headline = fitted(title, size=TITLE_SIZE, width=room, bold=True)
    figure.set_label(headline)
    left, top = _MARGIN / width, 1 - _TITLE_TOP / height
    write(figure, left, top, headline, size=TITLE_SIZE, bold=True, color=INK, va="top")
    if subtitle:
        line = fitted(subtitle, size=SMALL_SIZE, width=room)
        write(figure, left, top - 0.21 / height, line, size=SMALL_SIZE, color=MUTED, va="top")
    return figure


def panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """An axes with a quiet frame and grid; all lengths in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor="white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, color=FAINT, linewidth=0.8, linestyle="-", alpha=1)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set(color=GREY, linewidth=0.8)
    axes.tick_params(
        axis="both", which="both", direction="out", length=3, width=0.8, color=GREY, labelcolor=INK,
        labelsize=SMALL_SIZE, labelfontfamily=FAMILY, labelrotation=0, left=True, bottom=True, top=False, right=False,
        labelleft=True, labelbottom=True, labeltop=False, labelright=False,
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):  # matplotlib's own numbers follow a user's matplotlibrc, into TeX even
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    return axes


def empty_panel(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """An axes without frame, ticks or grid; all lengths in inches from the lower left corner."""
    across, up = figure.get_size_inches()
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up), facecolor="none")
    axes.set_axis_off()
    return axes


def caption(axes: Axes, text: str, *, below: str = "") -> None:
    """Name what a panel shows above its upper left corner, and what runs along its lower edge."""
    title = axes.set_title(text, loc="left", pad=5, color=INK, fontproperties=font(BODY_SIZE), parse_math=False)
    title.set_usetex(False)
    if below:
        axes.set_xlabel(below, labelpad=3, color=MUTED, fontproperties=font(SMALL_SIZE), parse_math=False)


def say(figure: Figure, text: str) -> None:
    """Write in the middle of a figure that there is nothing to be drawn."""
    write(figure, 0.5, 0.42, text, color=MUTED, ha="center", va="center")


def legend(
    figure: Figure, entries: Sequence[tuple[Artist, str]], *, left: float, top: float, columns: int = 1
) -> Legend:
    """A legend without a frame.

    Args:
        figure: Where.
        entries: Handles and what they stand for.
        left: Its left edge, in inches from that of the figure.
        top: Its upper edge, in inches from the lower edge of the figure.
        columns: Number of columns. Defaults to 1.
    """
    across, up = figure.get_size_inches()
    made = figure.legend(
        [handle for handle, _ in entries],
        ["-"] * len(entries),  # a label that begins with an underscore would be left out
        loc="upper left", bbox_to_anchor=(left / across, top / up), ncols=columns, frameon=False,
        prop=font(SMALL_SIZE), labelcolor=INK, borderaxespad=0, borderpad=0, handlelength=1.8, handletextpad=0.6,
        columnspacing=1.4, labelspacing=0.45,
    )  # fmt: skip
    for shown, (_, text) in zip(made.get_texts(), entries, strict=True):
        shown.set_parse_math(False)
        shown.set_text(text)
    return made


def marks(
    axes: Axes, x: object, y: object, *, marker: str, color: str, size: float = 5, **properties: object
) -> Line2D:
    """Points without a line between them, `size` points wide."""
    values: dict[str, object] = {"markeredgecolor": "white", "markeredgewidth": 0.5, "markerfacecolor": color}
    (line,) = axes.plot(x, y, linestyle="none", marker=marker, markersize=size, color=color, **(values | properties))  # type: ignore[arg-type]
    return line


def whole_numbers(axes: Axes) -> None:
    """Ticks along the lower edge at whole numbers only."""
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def logarithmic(axes: Axes, side: str, write_number: Callable[[float], str] = "{:,g}".format) -> None:
    """Make an axis, "x" or "y", logarithmic with its numbers written out."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    axes.set_xscale("log") if side == "x" else axes.set_yscale("log")
    low, high = axes.get_xlim() if side == "x" else axes.get_ylim()
    steps = (1.0,) if high / low > 1000 else (1.0, 2.0, 5.0)
    axis.set_major_locator(LogLocator(base=10, subs=steps, numticks=9))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: write_number(value)))


def contrast(colour: Sequence[float]) -> str:
    """Black or white, whichever is easier to read on a colour given as red, green, blue, each 0…1."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    # Where both contrasts of the WCAG, (lighter + 0.05) / (darker + 0.05), are the same.
    return "white" if luminance < 0.179 else "black"
