"""An ASGI application served at given sockets until a signal ends it."""

import gc
import socket
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

LEAVE_SECONDS: Final = 2  # what is being answered when a signal comes may take so long
IDLE_SECONDS: Final = 30  # a connection without a request is kept so long


class _Server(uvicorn.Server):
    """Remembers what ended it, to leave with its exit code: uvicorn only raises the signal again."""

    left_by = 0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.left_by = sig
        super().handle_exit(sig, frame)


def run(application: ASGIApp, sockets: Sequence[socket.socket], *, verbose: bool = False) -> int:
    """Answer until SIGINT or SIGTERM; returns the exit code.

    Args:
        application: What answers.
        sockets: Where it listens.
        verbose: Whether uvicorn logs. Default: False.
    """
    server = _Server(
        uvicorn.Config(
            application,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            log_level="info" if verbose else "critical",
            access_log=verbose,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LEAVE_SECONDS,
            timeout_keep_alive=IDLE_SECONDS,
        )
    )
    with suppress(KeyboardInterrupt, SystemExit):  # the signal again, for the handlers that stood before its own
        server.run(list(sockets))
    gc.freeze()  # Python looks through all that was imported before it ends, for seconds on a busy machine
    return 128 + server.left_by if server.left_by else 0
