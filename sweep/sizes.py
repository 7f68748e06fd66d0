"""Sizes, in decimal units, and counts, as people write and read them."""

import re
from decimal import Decimal

from sweep.errors import UsageError

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}  # bytes


def parse_size(text: str) -> int:
    """Read `20GB`, `1.5 GB`, `500MB` or plain bytes, in upper or lower case.

    Returns:
        Bytes.

    Raises:
        UsageError: If the text is not such a size.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt]?b)?", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(
            f"'{text}' is not a size. Expected plain bytes, or a number with {', '.join(UNITS)}, such as 500MB or 20GB."
        )
    number, unit = found.groups(default="b")
    factor = next(factor for name, factor in UNITS.items() if name.lower() == unit)
    return int(Decimal(number) * factor)


def format_bytes(count: int) -> str:
    """Bytes for people, in decimal units: `999 B`, `12.3 MB`."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.95:
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 trial`, `2 trials`."""
    return f"{count} {one if count == 1 else many or one + 's'}"
