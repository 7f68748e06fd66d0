"""The family `pretrained`: a frozen ImageNet backbone under the report's dense layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from search_spaces.backbones import BACKBONES
from search_spaces.layers import Backbone, GlobalAveragePooling
from search_spaces.parameters import Choice, parameter
from search_spaces.plan import LayerPlan
from search_spaces.regularised import Regularised
from search_spaces.reported import ReportedExperiment, reported_experiments


@dataclass(frozen=True, kw_only=True)
class Pretrained(Regularised):
    """The report's third section. Its experiments use no regularisers; here they are searched.

    Takes images of any size with one or three channels; the backbone resizes them.
    """

    family: ClassVar[str] = "pretrained"
    reported: ClassVar[tuple[ReportedExperiment, ...]] = reported_experiments("pretrained")
    backbones: ClassVar[tuple[str, ...]] = tuple(BACKBONES)

    backbone: str = parameter(Choice(*BACKBONES), doc="The frozen network that sees the image first.")

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out the backbone and the mean of its features, then the dense layers."""
        layers = (Backbone(name=self.backbone), GlobalAveragePooling(), *self.head(classes))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)
