"""The family `isolated`: three or four convolutions, each followed by its own pooling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from search_spaces.layers import Convolution, Flatten, Layer, MaxPooling
from search_spaces.parameters import Choice, parameter
from search_spaces.plan import LayerPlan
from search_spaces.regularised import Regularised
from search_spaces.reported import ReportedExperiment, reported_experiments

FILTERS = (128, 256, 512, 1024)  # of the first to the fourth convolution


@dataclass(frozen=True, kw_only=True)
class Isolated(Regularised):
    """The report's first section. Images need 8 by 8 pixels with three convolutions, 16 by 16 with four."""

    family: ClassVar[str] = "isolated"
    reported: ClassVar[tuple[ReportedExperiment, ...]] = reported_experiments("isolated")

    conv_layers: int = parameter(Choice(3, 4), doc="Number of convolutions.")

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out convolution → ReLU → pooling → batch norm → dropout, then the dense layers."""
        blocks: list[Layer] = []
        for filters in FILTERS[: self.conv_layers]:
            blocks += [Convolution(filters=filters), MaxPooling(), *self.regularisers()]
        layers = (*blocks, Flatten(), *self.head(classes))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)
