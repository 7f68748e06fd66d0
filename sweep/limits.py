"""Limits of what a network may cost once it is deployed: terms of a study, as people write and read them."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sweep.errors import UsageError

if TYPE_CHECKING:
    from search_spaces.plan import LayerPlan
    from sweep.identity import Identity

COUNT_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}
LATENCY_UNITS = {"us": Decimal("1e-6"), "ms": Decimal("1e-3"), "s": Decimal(1)}  # seconds


@dataclass(frozen=True, kw_only=True)
class NetworkLimits:
    """What every network of a study must keep to; a network that has exactly as much does.

    Attributes:
        macs: Most multiply-accumulates of one image's forward pass, or None.
        parameters: Most weights, frozen ones included, or None.
        latency: Most seconds for one image, or None; see `sweep.trainer.latency`.
    """

    macs: int | None = None
    parameters: int | None = None
    latency: float | None = None

    @classmethod
    def of(cls, identity: "Identity") -> "NetworkLimits":
        """The limits of a study."""
        return cls(macs=identity.max_macs, parameters=identity.max_parameters, latency=identity.max_latency)

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return self != NetworkLimits()

    def options(self) -> dict[str, str]:
        """The limits as options of `sweep start`, which read them back as they are."""
        found = {
            "max-macs": None if self.macs is None else format_count(self.macs),
            "max-parameters": None if self.parameters is None else format_count(self.parameters),
            "max-latency": None if self.latency is None else format_latency(self.latency),
        }
        return {name: value for name, value in found.items() if value is not None}

    def in_words(self) -> str:
        """The limits in one line; empty without one."""
        parts = []
        if self.macs is not None:
            parts.append(f"{format_count(self.macs)} multiply-accumulates")
        if self.parameters is not None:
            parts.append(f"{format_count(self.parameters)} parameters")
        if self.latency is not None:
            parts.append(f"{format_latency(self.latency)} for one image")
        return f"at most {', '.join(parts)}" if parts else ""

    def excess(self, plan: "LayerPlan") -> str | None:
        """Why a network is too large, with both numbers; None if it is not, whatever time it takes."""
        found = []
        if self.macs is not None and plan.forward_macs > self.macs:
            found.append(_too_much(f"{plan.forward_macs:,} multiply-accumulates", "max-macs", f"{self.macs:,}"))
        if self.parameters is not None and plan.parameters > self.parameters:
            found.append(_too_much(f"{plan.parameters:,} parameters", "max-parameters", f"{self.parameters:,}"))
        return "; ".join(found) or None


def too_slow(seconds: float, limit: float) -> str:
    """What is said of a network that takes too long for one image."""
    return _too_much(f"{1000 * seconds:.3g} ms for one image", "max-latency", f"{1000 * limit:.9g} ms")


def parse_macs(text: str) -> int:
    """Read the value of --max-macs.

    Raises:
        UsageError: If it is not a count above zero.
    """
    return _parse_count(text, "max-macs")


def parse_parameters(text: str) -> int:
    """Read the value of --max-parameters.

    Raises:
        UsageError: If it is not a count above zero.
    """
    return _parse_count(text, "max-parameters")


def parse_latency(text: str) -> float:
    """Read the value of --max-latency: `5ms`, `800us` or `0.01s`.

    Returns:
        Seconds.

    Raises:
        UsageError: If it is not such a time, or is zero.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(us|ms|s)", str(text).strip().lower(), re.ASCII)
    seconds = 0.0 if found is None else float(Decimal(found[1]) * LATENCY_UNITS[found[2]])
    if seconds <= 0:
        raise UsageError(
            f"--max-latency must be a time above zero for one image, written as 5ms, 800us or 0.01s. Received: {text}"
        )
    return seconds


def format_count(count: int) -> str:
    """A count with all its digits, as it may be typed: `50M`, `1.5M`, `800k`, `12`."""
    for unit, factor in reversed(COUNT_UNITS.items()):
        if count >= factor:
            return f"{(Decimal(count) / factor).normalize():f}{unit}"
    return str(count)


def format_latency(seconds: float) -> str:
    """A latency limit with all its digits, as it may be typed: `5ms`, `800us`, `2s`."""
    exact = Decimal(repr(seconds))
    unit = next((name for name, size in reversed(LATENCY_UNITS.items()) if exact >= size), "us")
    return f"{(exact / LATENCY_UNITS[unit]).normalize():f}{unit}"


def _parse_count(text: str, option: str) -> int:
    # A settings file may have a number.
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmg]?)", str(text).strip().lower(), re.ASCII)
    factors = {unit.lower(): factor for unit, factor in COUNT_UNITS.items()}
    count = 0 if found is None else int(Decimal(found[1]) * factors.get(found[2], 1))
    if count < 1:
        raise UsageError(
            f"--{option} must be a count above zero, written as 50M, 1.5M, 800k or plain digits. Received: {text}"
        )
    return count


def _too_much(what: str, option: str, limit: str) -> str:
    return f"{what}, and --{option} allows {limit}"
