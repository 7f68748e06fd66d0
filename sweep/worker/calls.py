"""Calls under way in other threads, and what the worker's loop does with their answers."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Call:
    """One of them.

    Attributes:
        future: Its answer.
        handle: Takes the answer, in the loop.
        until: When the loop waits no longer, in monotonic seconds; asked again and again.
        late: Called then, in the place of `handle`.
    """

    future: Future[Any]
    handle: Callable[[Any], None]
    until: Callable[[], float]
    late: Callable[[], None]


def _never() -> float:
    return math.inf


class Calls:
    """Those whose answers are awaited; every one is handled once. All is called from the loop."""

    def __init__(self) -> None:
        self._awaited: list[Call] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._awaited)

    def add(
        self,
        future: Future[Any],
        handle: Callable[[Any], None],
        *,
        until: Callable[[], float] = _never,
        late: Callable[[], None] = lambda: None,
    ) -> None:
        """Await one, see `Call`. Default: without end."""
        self._awaited.append(Call(future=future, handle=handle, until=until, late=late))

    def settle(self) -> None:
        """Handle the answers that have come, and those that come too late; what is thrown by a call is thrown here."""
        now = time.monotonic()
        # Each is looked at once: an answer that came between two looks would be handled by neither.
        over = [call for call in self._awaited if call.future.done() or now >= call.until()]
        ended = {id(call) for call in over}
        self._awaited = [call for call in self._awaited if id(call) not in ended]
        for call in over:
            if call.future.done():
                call.handle(call.future.result())
            else:
                call.late()
