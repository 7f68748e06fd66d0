"""A process whose clock is wrong: `time.time` and `datetime.now` are ahead or behind, the monotonic clock is right."""

import datetime as dt
import time
from typing import Any


def set_clock(*, ahead_seconds: float) -> None:
    """Set this process's clock ahead, or behind if negative. To be called before anything else is imported."""
    right = time.time
    shift = dt.timedelta(seconds=ahead_seconds)
    original = dt.datetime

    class _Kind(type):
        def __instancecheck__(cls, value: object) -> bool:  # what C code makes is one too
            return isinstance(value, original)

    class _Shifted(original, metaclass=_Kind):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Any:
            return original.now(tz) + shift

        @classmethod
        def utcnow(cls) -> Any:
            return original.utcnow() + shift

    time.time = lambda: right() + ahead_seconds
    dt.datetime = _Shifted  # type: ignore[misc]
