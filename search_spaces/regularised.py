"""What the report's three families share: their regularisers, and the dense layers that end each network."""

from __future__ import annotations

from dataclasses import dataclass

from search_spaces.configuration import Configuration
from search_spaces.layers import BatchNormalization, Dense, Dropout, Layer
from search_spaces.parameters import Optional, Switch, Uniform, parameter

DENSE_UNITS = (384, 768)  # the report's two hidden dense layers, the same in every experiment


@dataclass(frozen=True, kw_only=True)
class Regularised(Configuration):
    """A configuration with the report's three regularisers, each of which can be off.

    The report tries L2 factors from 0.0001 to 0.1 and dropout rates from 0.1 to 0.5; these are the bounds.
    """

    l2: float | None = parameter(
        Optional(Uniform(0.0001, 0.1, log=True)), doc="L2 penalty on the kernels of the hidden dense layers."
    )
    batch_norm: bool = parameter(Switch(), doc="Batch normalisation after every block and hidden dense layer.")
    dropout: float | None = parameter(
        Optional(Uniform(0.1, 0.5)), doc="Dropout rate after every block and hidden dense layer."
    )

    def regularisers(self) -> tuple[Layer, ...]:
        """The layers that follow a block and a hidden dense layer: normalisation first, then dropout."""
        normalisation = (BatchNormalization(),) if self.batch_norm else ()
        dropout = (Dropout(rate=self.dropout),) if self.dropout is not None else ()
        return (*normalisation, *dropout)

    def head(self, classes: int) -> tuple[Layer, ...]:
        """The hidden dense layers with their regularisers, then the softmax, which has no L2 penalty."""
        hidden: list[Layer] = []
        for units in DENSE_UNITS:
            hidden += [Dense(units=units, l2=self.l2), *self.regularisers()]
        return (*hidden, Dense(units=classes, activation="softmax"))
