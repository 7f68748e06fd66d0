"""What stands around the application: every answer is timed, counted, and given its security headers."""

import logging
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sweep.guarding import EVERYWHERE

DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"  # whatever is no page runs and loads nothing
HEADERS: Final = (*EVERYWHERE, ("Content-Security-Policy", DATA_POLICY), ("Cache-Control", "no-store"))

logger = logging.getLogger(__name__)


class Watch:
    """Middleware around all others, those that answer for a failure included.

    Args:
        application: What answers.
        observe: Told of every request that was answered: method, path, status, seconds.
    """

    def __init__(self, application: ASGIApp, observe: Callable[[str, str, int, float], None]) -> None:
        self._application = application
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(raw=message["headers"])
                for name, value in (
                    *EVERYWHERE,
                    ("Content-Security-Policy", DATA_POLICY),
                    ("Cache-Control", "no-store"),
                ):
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._application(scope, receive, watched)
        except Exception as error:  # it was answered with 500; the service goes on
            logger.error("A request failed: %s: %s", type(error).__name__, error)
            logger.info("It failed here:", exc_info=error)
        finally:
            self._observe(scope["method"], scope["path"], status, time.perf_counter() - began)
