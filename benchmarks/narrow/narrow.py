"""The family `narrow`: the report's isolated convolutions at a fraction of their width, seconds a trial.

The benchmarks search it, and so do the peers they are compared with.
"""

from dataclasses import dataclass
from typing import ClassVar

from search_spaces import Choice, Convolution, Dense, Flatten, LayerPlan, MaxPooling, parameter
from search_spaces.layers import Layer
from search_spaces.regularised import Regularised


@dataclass(frozen=True, kw_only=True)
class Narrow(Regularised):
    """`isolated` with 8 to 32 filters where the report has 128, and the same proportions above them."""

    family: ClassVar[str] = "narrow"

    conv_layers: int = parameter(Choice(2, 3, 4), doc="Number of convolutions.")
    width: int = parameter(Choice(8, 16, 32), doc="Filters of the first convolution; each further one doubles them.")

    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out convolution → ReLU → pooling → batch norm → dropout, then the dense layers."""
        layers: list[Layer] = []
        for block in range(self.conv_layers):
            layers += [Convolution(filters=self.width * 2**block), MaxPooling(), *self.regularisers()]
        layers.append(Flatten())
        for units in (3 * self.width, 6 * self.width):
            layers += [Dense(units=units, l2=self.l2), *self.regularisers()]
        layers.append(Dense(units=classes, activation="softmax"))
        return LayerPlan(image_shape=image_shape, classes=classes, layers=tuple(layers))
