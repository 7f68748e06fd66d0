"""The family `grouped`: three groups of three convolutions, one pooling after each group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from search_spaces.layers import Convolution, Flatten, Layer, MaxPooling
from search_spaces.plan import LayerPlan
from search_spaces.regularised import Regularised
from search_spaces.reported import ReportedExperiment, reported_experiments

FILTER_GROUPS = ((256, 128, 256), (128, 64, 128), (256, 128, 32))


@dataclass(frozen=True, kw_only=True)
class Grouped(Regularised):
    """The report's second section, where only the regularisers vary. Images need 8 by 8 pixels."""

    family: ClassVar[str] = "grouped"
    reported: ClassVar[tuple[ReportedExperiment, ...]] = reported_experiments("grouped")

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out each group → pooling → batch norm → dropout, then the dense layers."""
        blocks: list[Layer] = []
        for group in FILTER_GROUPS:
            blocks += [
                *(Convolution(filters=filters) for filters in group),
                MaxPooling(),
                *self.regularisers(),
            ]
        layers = (*blocks, Flatten(), *self.head(classes))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)
