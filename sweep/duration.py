"""Durations as people write and read them."""

import re

from sweep.errors import UsageError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> float:
    """Read `90s`, `20m`, `2h` or `1h30m` as seconds.

    Raises:
        UsageError: If the text is not such a duration, or is zero.
    """
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", text):
        raise UsageError(f"'{text}' is not a duration. Expected a number with a unit, such as 90s, 20m, 2h or 1h30m.")
    seconds = sum(float(number) * UNITS[unit] for number, _, unit in re.findall(r"(\d+(\.\d+)?)([smhd])", text))
    if seconds <= 0:
        raise UsageError(f"A duration must be longer than zero. Received: {text}")
    return seconds


def format_duration(seconds: float) -> str:
    """Two leading units, rounded: `45 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
    if round(whole / 60) < 1440:
        hours, rest = divmod(round(whole / 60), 60)
        return f"{hours} h {rest} min" if rest else f"{hours} h"
    days, rest = divmod(round(whole / 3600), 24)
    return f"{days} d {rest} h" if rest else f"{days} d"


def format_ahead(seconds: float, left: float | None) -> str:
    """How long something takes at most, and that this run ends before, where it does.

    Args:
        seconds: What is ahead.
        left: Seconds until this run ends, or None if it does not before all is done.
    """
    whole = f"it takes at most {format_duration(seconds)}"
    return whole if left is None or seconds <= left else f"{whole}, and this run ends after {format_duration(left)}"
