"""What a model sees: the features of its images in two dimensions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sweep.figures.labels import place_labels
from sweep.figures.style import HEADER, INK, class_style, legend, marks, new_figure, panel, say
from sweep.figures.text import SMALL_SIZE, class_names, width_of

_SIDE = 5.0  # inches
_ROWS = 26  # of a column of the legend
_WRONG = "classified wrongly"


def features(
    points: npt.NDArray[np.floating[Any]],
    true: Sequence[int],
    labels: Sequence[str],
    *,
    title: str,
    method: str,
    predicted: Sequence[int] | None = None,
) -> Figure:
    """A point for each image, by colour and marker of its true class.

    Args:
        points: Where the images lie, shape (n, 2). Points that are not finite are left out.
        true: Class indices, n of them.
        labels: Names of the classes.
        title: What the figure is called.
        method: How the points were made, such as `PCA`.
        predicted: Class indices, n of them: what is classified wrongly gets a ring. Defaults to None: no rings.

    Raises:
        ValueError: If the shapes do not fit together.
    """
    places = np.asarray(points, dtype=float)
    classes = np.asarray(true, dtype=int)
    guesses = classes if predicted is None else np.asarray(predicted, dtype=int)
    if places.ndim != 2 or places.shape[1:] != (2,) or not len(places) == len(classes) == len(guesses):
        raise ValueError(
            "Expected a point with two coordinates and a class for each image. "
            f"Received: points of shape {places.shape}, {len(classes)} true and {len(guesses)} predicted classes."
        )
    finite = np.isfinite(places).all(axis=1)
    places, classes, guesses = places[finite], classes[finite], guesses[finite]
    names = class_names(labels, size=SMALL_SIZE, width=1.5)
    present = [index for index in range(len(labels)) if (classes == index).any()]
    columns = max(1, -(-(len(present) + 1) // _ROWS))
    longest = max(width_of(text, size=SMALL_SIZE) for text in (_WRONG, *(names[index] for index in present)))
    height = HEADER + _SIDE + 0.2
    figure = new_figure(
        _SIDE + 0.4 + columns * (longest + 0.5),
        height,
        title=title,
        subtitle=_subtitle(method, classes != guesses, predicted),
    )
    if not len(places):
        say(figure, "There are no images.")
        return figure
    axes = panel(figure, 0.15, 0.15, _SIDE, _SIDE)
    axes.tick_params(axis="both", length=0, labelleft=False, labelbottom=False)  # the numbers mean nothing
    axes.grid(visible=False)
    axes.spines[:].set_visible(True)
    size = float(np.clip(110 / np.sqrt(len(places)), 2.6, 6))
    entries: list[tuple[Artist, str]] = []
    for index in present:
        chosen = places[classes == index]
        colour, marker = class_style(index)
        # Thousands of points would make an SVG of megabytes: they are an image in it.
        drawn = marks(
            axes, chosen[:, 0], chosen[:, 1], marker=marker, color=colour, size=size, alpha=0.85, markeredgecolor=INK,
            markeredgewidth=0.2, rasterized=True, zorder=2,
        )  # fmt: skip
        drawn.set_label(f"class-{index}")
        entries.append((_handle(colour, marker), names[index]))
    wrong = places[classes != guesses]
    if len(wrong):
        rings = marks(
            axes, wrong[:, 0], wrong[:, 1], marker="o", color="none", size=size * 1.9, markeredgecolor=INK,
            markeredgewidth=0.8, rasterized=True, zorder=3,
        )  # fmt: skip
        rings.set_label("wrong")
        entries.append((_handle("none", "o", edge=INK), _WRONG))
    legend(figure, entries, left=_SIDE + 0.3, top=_SIDE + 0.1, columns=columns)
    axes.autoscale_view()
    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())
    medians = [tuple(np.median(places[classes == index], axis=0)) for index in present]
    place_labels(axes, medians, [names[index] for index in present], size=SMALL_SIZE + (1 if len(present) < 15 else 0))
    return figure


def _subtitle(method: str, wrong: npt.NDArray[np.bool_], predicted: Sequence[int] | None) -> str:
    images = f"{method} of {len(wrong):,} images"
    return images if predicted is None else f"{images}, {int(wrong.sum()):,} {_WRONG}"


def _handle(colour: str, marker: str, *, edge: str = "none") -> Artist:
    return Line2D(
        [], [], linestyle="none", marker=marker, markersize=6, color=colour, markeredgecolor=edge, markeredgewidth=0.9
    )
