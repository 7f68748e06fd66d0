"""The kinds of hyperparameter that a family of configurations may declare."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from optuna.distributions import CategoricalDistribution, FloatDistribution

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution

OFF_WORDS = frozenset({"off", "none", "null"})
TRUE_WORDS = frozenset({"true", "on", "yes"})
FALSE_WORDS = frozenset({"false", "off", "no"})


class _Single(ABC):
    """What the kinds have in common that take one parameter in Optuna, of the same name."""

    @property
    @abstractmethod
    def distribution(self) -> BaseDistribution:
        """Optuna's distribution."""

    @property
    @abstractmethod
    def inert(self) -> int | float | str:
        """The value where the parameter plays no part: constant, so that nothing can be read into it."""

    def distributions(self, name: str) -> dict[str, BaseDistribution]:
        """Optuna's distributions of this parameter, in the order in which they are suggested."""
        return {name: self.distribution}

    def to_params(self, name: str, value: Any) -> dict[str, Any]:
        """Optuna's parameters for a checked value."""
        return {name: value}

    def from_params(self, name: str, params: Mapping[str, Any]) -> Any:
        """The unchecked value in Optuna's parameters."""
        return params[name]

    def inert_params(self, name: str) -> dict[str, Any]:
        """Optuna's parameters where this one plays no part."""
        return {name: self.inert}


@dataclass(frozen=True, init=False)
class Choice(_Single):
    """One of a few fixed values: `Choice(3, 4)` or `Choice("vgg16", "vgg19")`.

    Args:
        values: At least one value, all different, each an int or a str. The first is the inert value.

    Raises:
        ValueError: If there is no value, one is repeated, or one is neither int nor str.
    """

    values: tuple[int | str, ...]

    def __init__(self, *values: int | str) -> None:
        if not values or len(set(values)) < len(values) or not all(type(v) in (int, str) for v in values):
            raise ValueError(f"A Choice needs different ints or strings, at least one. Received: {values!r}")
        object.__setattr__(self, "values", values)

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        *most, last = map(str, self.values)
        return f"{', '.join(most)} or {last}" if most else last

    def check(self, value: object) -> int | str:
        """Return the value, or raise ValueError if it is not one of the choices."""
        for choice in self.values:
            # The type counts: True == 1 and 3.0 == 3, yet neither was meant as the choice.
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError(f"expected {self.expected}, received {value!r}")

    def parse(self, text: str) -> object:
        """Return the choice that is spelt so, or the text itself, which `check` then refuses."""
        return next((choice for choice in self.values if str(choice) == text), text)

    @property
    def distribution(self) -> BaseDistribution:
        """Optuna's distribution."""
        return CategoricalDistribution(self.values)

    @property
    def inert(self) -> int | str:
        """The first choice."""
        return self.values[0]


@dataclass(frozen=True)
class Uniform(_Single):
    """A number between two bounds, both included, drawn uniformly.

    Args:
        low: The smallest value; above 0 if `log`.
        high: The largest value; above `low`.
        log: Whether the logarithm is what is uniform. Defaults to False.

    Raises:
        ValueError: If the bounds are not finite, not in order, or not positive where `log` needs them so.
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        ordered = -math.inf < self.low < self.high < math.inf
        if not ordered or (self.log and self.low <= 0):
            raise ValueError(f"A Uniform needs finite low < high, and low > 0 with log. Received: {self!r}")

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        return f"a number from {self.low:g} to {self.high:g}"

    @property
    def distribution(self) -> BaseDistribution:
        """Optuna's distribution."""
        return FloatDistribution(self.low, self.high, log=self.log)

    @property
    def inert(self) -> float:
        """The geometric middle of the range if `log`, else the arithmetical one."""
        return math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2

    def check(self, value: object) -> float:
        """Return the value as a float, or raise ValueError if it is not a number within the bounds."""
        if isinstance(value, (int, float)) and not isinstance(value, bool) and self.low <= value <= self.high:
            return float(value)
        raise ValueError(f"expected {self.expected}, received {value!r}")

    def parse(self, text: str) -> object:
        """Return the number that the text spells, or the text itself, which `check` then refuses."""
        try:
            return float(text)
        except ValueError:
            return text


@dataclass(frozen=True)
class Switch(_Single):
    """On or off, as a bool. The inert value is False."""

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        return "true or false"

    def check(self, value: object) -> bool:
        """Return the value, or raise ValueError if it is not a bool."""
        if isinstance(value, bool):
            return value
        raise ValueError(f"expected {self.expected}, received {value!r}")

    def parse(self, text: str) -> object:
        """Return the bool that the text spells, or the text itself, which `check` then refuses."""
        word = text.lower()
        return True if word in TRUE_WORDS else False if word in FALSE_WORDS else text

    @property
    def distribution(self) -> BaseDistribution:
        """Optuna's distribution."""
        return CategoricalDistribution((False, True))

    @property
    def inert(self) -> bool:
        """Off."""
        return False


@dataclass(frozen=True)
class Optional:
    """A number within bounds, or off, which is None.

    In Optuna it takes two parameters, `use_NAME` and `NAME`; what is off keeps the middle of the range.
    A conditional parameter would instead drop out of joint sampling for the life of the study.

    Args:
        number: What the value may be when it is on.
    """

    number: Uniform

    @property
    def expected(self) -> str:
        """What a value may be, in words."""
        return f"{self.number.expected}, or off"

    def check(self, value: object) -> float | None:
        """Return the value as a float, None for None and "off", or raise ValueError."""
        if value is None or value == "off":
            return None
        try:
            return self.number.check(value)
        except ValueError:
            raise ValueError(f"expected {self.expected}, received {value!r}") from None

    def parse(self, text: str) -> object:
        """Return None for "off" and "none", else what the number makes of the text."""
        return None if text.lower() in OFF_WORDS else self.number.parse(text)

    def distributions(self, name: str) -> dict[str, BaseDistribution]:
        """Optuna's distributions of this parameter, in the order in which they are suggested."""
        return Switch().distributions(f"use_{name}") | self.number.distributions(name)

    def to_params(self, name: str, value: Any) -> dict[str, Any]:
        """Optuna's parameters for a checked value; what is off keeps an inert one."""
        if value is None:
            return self.inert_params(name)
        return {f"use_{name}": True} | self.number.to_params(name, value)

    def from_params(self, name: str, params: Mapping[str, Any]) -> Any:
        """The unchecked value in Optuna's parameters; None if it is off."""
        number = self.number.from_params(name, params)  # read even if off: a parameter must not be missing
        return number if params[f"use_{name}"] else None

    def inert_params(self, name: str) -> dict[str, Any]:
        """Optuna's parameters where this one is off or plays no part."""
        return Switch().inert_params(f"use_{name}") | self.number.inert_params(name)


Parameter: TypeAlias = Choice | Uniform | Switch | Optional


def parameter(kind: Parameter, *, doc: str = "") -> Any:
    """Declare a field of a configuration as a hyperparameter.

    Args:
        kind: What values the field may take.
        doc: One sentence for people who choose a value. Defaults to none.

    Returns:
        A dataclass field without a default, typed Any so that the annotation beside it can say what it holds.
    """
    return field(metadata={"parameter": kind, "doc": doc})
