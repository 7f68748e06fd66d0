"""The layers of a network, with what each gives and costs."""

from dataclasses import dataclass, fields
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from search_spaces import (
    BACKBONES,
    Backbone,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling,
    LayerPlan,
    MaxPooling,
    NormalizedConvolution,
    ResidualBlock,
)
from search_spaces.cost import cost_of
from search_spaces.layers import Layer
from sweep.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    HEADER,
    INK,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    empty_panel,
    new_figure,
)
from sweep.figures.text import BODY_SIZE, SMALL_SIZE, fitted, write

_WIDTH = 7.2  # inches
_LEFT, _RIGHT = 0.15, 7.05  # inches, of the groups
_SHAPE, _PARAMETERS, _MACS = 3.95, 4.95, 5.7  # inches, the right edges of the columns of numbers
_BAR = 5.85  # inches, where the bars begin
_TALL, _FLAT, _GAP = 0.27, 0.185, 0.09  # inches: a layer with weights, any other, between groups

_TIMES = "\N{MULTIPLICATION SIGN}"

_PLAIN_WORDS: Final[dict[type, str]] = {
    MaxPooling: f"max pooling 2{_TIMES}2",
    BatchNormalization: "batch normalisation",
    Flatten: "flatten",
    GlobalAveragePooling: "global average pooling",
}

_COLOURS: Final[dict[type, str]] = {
    Convolution: BLUE,
    NormalizedConvolution: BLUE,
    ResidualBlock: BLUE,
    Dense: ORANGE,
    Backbone: PURPLE,
    MaxPooling: GREEN,
    GlobalAveragePooling: GREEN,
    BatchNormalization: SKY,
    Dropout: YELLOW,
    Flatten: GREY,
}


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One layer as it is drawn."""

    layer: Layer
    shape: tuple[int, ...]
    parameters: int
    macs: int
    begins_group: bool

    @property
    def is_tall(self) -> bool:
        return bool(self.macs)

    @property
    def height(self) -> float:
        return _TALL if self.is_tall else _FLAT


def architecture(plan: LayerPlan, *, title: str) -> Figure:
    """The layers of a plan from top to bottom: what they are, what comes out, parameters and MMACs.

    A block of convolutions, or a dense layer, and the poolings and regularisers after it stand together, and so do
    residual blocks up to the next one that halves the image.

    Args:
        plan: The network.
        title: What the figure is called.
    """
    rows = _rows(plan)
    groups = sum(row.begins_group for row in rows)
    height = HEADER + 0.5 + sum(row.height for row in rows) + groups * (_GAP + 0.06) + 0.12
    trained = "" if plan.trainable_parameters == plan.parameters else f" ({plan.trainable_parameters:,} trained)"
    subtitle = (
        f"{layers_in_words(plan)}, {plan.parameters:,} parameters{trained}, "
        f"{_millions(plan.forward_macs)} MMACs for one image{'' if plan.views == 1 else ' and its mirror image'}"
    )
    figure = new_figure(_WIDTH, height, title=title, subtitle=subtitle)
    axes = empty_panel(figure, 0, 0, _WIDTH, height)
    axes.set(xlim=(0, _WIDTH), ylim=(0, height))
    y = height - HEADER
    for x, heading in ((_SHAPE, "output"), (_PARAMETERS, "parameters"), (_MACS, "MMACs")):
        write(axes, x, y, heading, size=SMALL_SIZE, color=MUTED, ha="right", va="center_baseline")
    write(axes, _BAR, y, "share of MMACs", size=SMALL_SIZE, color=MUTED, va="center_baseline")
    y -= 0.25
    write(axes, _LEFT + 0.25, y, "image", size=SMALL_SIZE, color=MUTED, va="center_baseline")
    write(axes, _SHAPE, y, _shape(plan.image_shape), size=SMALL_SIZE, color=MUTED, ha="right", va="center_baseline")
    y -= 0.11
    for index, row in enumerate(rows):
        if row.begins_group:
            y -= _GAP
            y = _group(axes, rows, index, y)
        y -= row.height
        _draw(axes, row, y, share=row.macs / max(1, plan.cost.forward_macs))
        if index + 1 == len(rows) or rows[index + 1].begins_group:
            y -= 0.03
    return figure


def layers_in_words(plan: LayerPlan) -> str:
    """How many layers a plan has; residual blocks, which are several each, are counted apart."""
    blocks = sum(isinstance(layer, ResidualBlock) for layer in plan.layers)
    if not blocks:
        return f"{len(plan.layers)} layers"
    return f"{len(plan.layers) - blocks} layers and {blocks} residual block{'' if blocks == 1 else 's'}"


def _rows(plan: LayerPlan) -> list[_Row]:
    rows: list[_Row] = []
    before = cost_of((), plan.image_shape)[1]
    follows = True  # whether the layer before was one that ends a group
    for count, layer in enumerate(plan.layers, start=1):
        shape, total = cost_of(plan.layers[:count], plan.image_shape)
        joins = isinstance(layer, (MaxPooling, BatchNormalization, Dropout))
        parts = isinstance(layer, (Flatten, GlobalAveragePooling)) or _halves(layer)
        rows.append(
            _Row(
                layer=layer,
                shape=shape,
                parameters=total.parameters - before.parameters,
                macs=total.forward_macs - before.forward_macs,
                begins_group=not rows or parts or (follows and not joins),
            )
        )
        before, follows = total, joins
    return rows


def _group(axes: Axes, rows: list[_Row], first: int, top: float) -> float:
    """Draw what lies behind the group that begins at a row; returns where its first row begins."""
    height = rows[first].height
    for row in rows[first + 1 :]:
        if row.begins_group:
            break
        height += row.height
    box = FancyBboxPatch(
        (_LEFT, top - height - 0.06), _RIGHT - _LEFT, height + 0.06, boxstyle="round,pad=0,rounding_size=0.06",
        facecolor="#F6F7F9", edgecolor=FAINT, linewidth=0.8, zorder=0,
    )  # fmt: skip
    axes.add_patch(box)
    return top - 0.03


def _draw(axes: Axes, row: _Row, bottom: float, *, share: float) -> None:
    middle = bottom + row.height / 2
    colour = _COLOURS.get(type(row.layer), VERMILLION)
    stripe = row.height - (0.05 if row.is_tall else 0.07)
    axes.add_patch(Rectangle((_LEFT + 0.08, middle - stripe / 2), 0.07, stripe, facecolor=colour, zorder=1))
    size = BODY_SIZE if row.is_tall else SMALL_SIZE
    ink = INK if row.is_tall else MUTED
    words = fitted(_words(row.layer), size=size, width=_SHAPE - 1.15 - _LEFT - 0.25)
    write(axes, _LEFT + 0.25, middle, words, size=size, color=ink, va="center_baseline")
    for x, text in (
        (_SHAPE, _shape(row.shape)),
        (_PARAMETERS, f"{row.parameters:,}" if row.parameters else ""),
        (_MACS, _millions(row.macs) if row.macs else ""),
    ):
        if text:
            write(axes, x, middle, text, size=SMALL_SIZE, color=ink, ha="right", va="center_baseline")
    if share:
        axes.add_patch(
            Rectangle((_BAR, middle - 0.05), max(0.01, share * (_RIGHT - 0.08 - _BAR)), 0.1, facecolor=colour, zorder=1)
        )


def _halves(layer: Layer) -> bool:
    return isinstance(layer, ResidualBlock) and layer.strides > 1


def _words(layer: Layer) -> str:
    if type(layer) in _PLAIN_WORDS:
        return _PLAIN_WORDS[type(layer)]
    match layer:
        case Convolution(filters=filters, kernel_size=size):
            return f"convolution {size}{_TIMES}{size}, {filters:,} filters"
        case NormalizedConvolution(filters=filters, kernel_size=size):
            return f"convolution {size}{_TIMES}{size}, {filters:,} filters, normed"
        case ResidualBlock(filters=filters, strides=strides, kernel_size=size):
            return f"residual {size}{_TIMES}{size}, {filters:,} filters" + (", stride 2" if strides > 1 else "")
        case Dense(units=units, activation="softmax"):
            return f"dense, {units:,} classes, softmax"
        case Dense(units=units, l2=l2):
            return f"dense, {units:,} units" + ("" if l2 is None else f", L2 {l2:.3g}")
        case Dropout(rate=rate):
            return f"dropout {rate:.3g}"
        case Backbone(name=name):
            facts = BACKBONES[name]
            return f"{facts.application} at {facts.input_size}{_TIMES}{facts.input_size}, frozen"
        case _:
            return _settings(layer)


def _settings(layer: Layer) -> str:
    """A kind of layer that this figure has no words for."""
    settings = ", ".join(f"{each.name} {getattr(layer, each.name)}" for each in fields(layer))
    return f"{type(layer).__name__} {settings}".strip()


def _shape(shape: tuple[int, ...]) -> str:
    return f" {_TIMES} ".join(f"{length:,}" for length in shape)


def _millions(macs: int) -> str:
    return f"{macs / 1e6:,.1f}" if macs >= 1e6 else f"{macs / 1e6:.2g}"
