"""The family `residual`: a compact residual network without large dense layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from search_spaces.configuration import Configuration, FirstTrial
from search_spaces.layers import Dense, GlobalAveragePooling, Layer, NormalizedConvolution, ResidualBlock
from search_spaces.parameters import Choice, parameter
from search_spaces.plan import LayerPlan

STAGES = 3

# Depth and width are one choice, because they are bounded together: all have 0.27 to 1.24 million parameters. Three
# blocks of 64, 128 and 256 filters would have 4.3 million, one of 16, 32 and 64 only 0.08.
SIZES = ("3x16", "3x24", "3x32", "2x24", "2x32", "2x40", "1x32", "1x48", "1x64")


@dataclass(frozen=True, kw_only=True)
class Residual(Configuration):
    """He et al.'s residual networks (2015) at the size of small images. Images need 5 by 5 pixels.

    Each stage halves the image, the first one too: at 28 by 28 pixels a network takes 8.7 to 42.4 million
    multiply-accumulates.
    """

    family: ClassVar[str] = "residual"
    default_recipe: ClassVar[str] = "tuned"
    first_trials: ClassVar[tuple[FirstTrial, ...]] = (
        FirstTrial(  # the widths and depth of ResNet-20 for CIFAR-10
            id="residual-resnet20",
            configuration={"family": "residual", "stem_filters": 16, "stem_kernel": 3, "stages": "3x16"},
        ),
        FirstTrial(  # the widths of ResNet-18's first three stages, one block each
            id="residual-wide",
            configuration={"family": "residual", "stem_filters": 32, "stem_kernel": 3, "stages": "1x64"},
        ),
    )

    stem_filters: int = parameter(Choice(16, 32, 64), doc="Width of the first convolution.")
    stem_kernel: int = parameter(Choice(3, 5), doc="Height and width of its kernel, in pixels.")
    stages: str = parameter(
        Choice(*SIZES), doc="Blocks in each of the three stages x filters in the first; they double with each stage."
    )

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out the stem, the stages, the mean of each channel and the softmax."""
        blocks, filters = map(int, self.stages.split("x"))
        stages: list[Layer] = []
        for stage in range(STAGES):
            width = filters * 2**stage
            stages += [ResidualBlock(filters=width, strides=2), *[ResidualBlock(filters=width)] * (blocks - 1)]
        layers = (
            NormalizedConvolution(filters=self.stem_filters, kernel_size=self.stem_kernel),
            *stages,
            GlobalAveragePooling(),
            Dense(units=classes, activation="softmax"),
        )
        return LayerPlan(image_shape=image_shape, classes=classes, layers=layers)
