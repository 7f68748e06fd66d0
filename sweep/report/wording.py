"""Numbers as the page writes them."""

import math
from collections.abc import Iterable

from sweep.duration import format_duration

DASH = "\N{EN DASH}"
MISSING = DASH
NOT_FINITE = "not finite"


def percent(share: float | None, digits: int = 2) -> str:
    """A share, 0…1, as `92.40 %`."""
    return number(None if share is None else 100 * share, digits, " %")


def points(difference: float | None, digits: int = 2) -> str:
    """A difference in percentage points with its sign, as `+0.50`."""
    if difference is None:
        return MISSING
    return f"{difference:+,.{digits}f}" if math.isfinite(difference) else NOT_FINITE


def number(value: float | None, digits: int, unit: str = "") -> str:
    """A number with so many digits after the point, and its unit."""
    if value is None:
        return MISSING
    return f"{value:,.{digits}f}{unit}" if math.isfinite(value) else NOT_FINITE


def count(value: float | None) -> str:
    """A whole number with separators of thousands."""
    return number(value, 0)


def millions(macs: float | None) -> str:
    """Multiply-accumulates in millions."""
    if macs is None or not math.isfinite(macs):
        return number(macs, 0)
    return number(macs / 1e6, 1 if macs >= 1e6 else 3)


def seconds(value: float | None) -> str:
    """A duration."""
    if value is None or not math.isfinite(value):
        return number(value, 0)
    return format_duration(value)


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers in ascending order, as `0-3, 7` with a dash."""
    found: list[list[int]] = []
    for each in sorted(set(numbers)):
        if found and each == found[-1][1] + 1:
            found[-1][1] = each
        else:
            found.append([each, each])
    return ", ".join(f"{low}" if low == high else f"{low}{DASH}{high}" for low, high in found) or "none"


def shortened(text: object, length: int = 160) -> str:
    """A message in one line, cut with … where it is too long."""
    line = " ".join(str(text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
