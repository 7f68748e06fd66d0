"""A store whose client is killed at one chosen call: `kill_at("set_trial_user_attr:'draw':after:1")`.

METHOD:TEXT:WHEN:COUNT names a method of the storage that studies are given, a text that the call's arguments hold
(nothing for any), whether death comes before or after the real call, and which of the calls that fit.
"""

import functools
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from optuna.storages import RDBStorage
from optuna.storages._cached_storage import _CachedStorage


def kill_at(call: str) -> None:
    """Let this process kill -9 itself at that call.

    Raises:
        ValueError: If `call` cannot be read.
    """
    method, text, when, count = call.split(":")
    if when not in ("before", "after"):
        raise ValueError(f"A process dies before or after a call. Received: {call!r}")
    owner: Any = RDBStorage if method == "record_heartbeat" else _CachedStorage  # beats are not cached
    real: Callable[..., Any] = getattr(owner, method)
    lock, left = threading.Lock(), int(count)

    @functools.wraps(real)
    def fatal(self: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal left
        if text not in repr((arguments, named)):
            return real(self, *arguments, **named)
        with lock:
            left -= 1
            is_last = left == 0
        if is_last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(self, *arguments, **named)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(owner, method, fatal)
