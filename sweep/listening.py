"""An address of this host, and a WSGI application served there until a signal ends it."""

import errno
import gc
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING

import psutil

from sweep.errors import UsageError, WorldError

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

THREADS = 4  # a page asks for a few documents at once; PostgreSQL gives a process three connections
LEAVE_SECONDS = 0.5  # what is being answered when a signal comes may take so long
LARGEST_BODY = 64 * 1024**2  # bytes of an artifact sent by the page, a third of it base64's


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where to listen.

    Attributes:
        host: As it was given.
        port: Of TCP; 0 for a free one.
        resolved: The numeric addresses that the host stands for.
    """

    host: str
    port: int
    resolved: tuple[str, ...]

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this host reaches it."""
        return all(ipaddress.ip_address(each.partition("%")[0]).is_loopback for each in self.resolved)

    @property
    def names(self) -> frozenset[str]:
        """What a browser on this host calls it."""
        return frozenset({"localhost", "127.0.0.1", "[::1]", _in_url(self.host).lower()})

    def url(self, port: int) -> str:
        """The address for people."""
        return f"http://{_in_url(self.host)}:{port}"


def resolve(host: str, port: int) -> Address:
    """Look up what a host stands for.

    Raises:
        UsageError: If it stands for nothing.
    """
    host = host.strip().removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host or "\0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, ValueError) as error:  # ValueError: no name can be written so
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is no name of a host"
        raise UsageError(
            f"The host '{host}' stands for no address: {reason}. "
            "Give 127.0.0.1 (this host alone), 0.0.0.0 (every network) or an address of this host."
        ) from error
    resolved = [str(numeric[0]) for family, _, _, _, numeric in found if family in (socket.AF_INET, socket.AF_INET6)]
    return Address(host=host, port=port, resolved=tuple(dict.fromkeys(resolved)))


@contextmanager
def listening(address: Address) -> Iterator[list[socket.socket]]:
    """Sockets at an address, all with one port.

    Raises:
        WorldError: If another program has the port, or the address is none of this host.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        failed: OSError | None = None
        for numeric in address.resolved:
            family = socket.AF_INET6 if ":" in numeric else socket.AF_INET
            port = sockets[0].getsockname()[1] if sockets else address.port
            try:
                # By its number: only of what is called TCP does asyncio send small answers at once.
                listener = opened.enter_context(socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP))
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listener.bind((numeric, port))
                listener.listen()  # only now is a second listener refused
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise unusable(address, error) from error
                failed = error  # `localhost` on a host without IPv6
            else:
                sockets.append(listener)
        if failed is not None and not sockets:
            raise unusable(address, failed) from failed
        yield sockets


def serve(application: "WSGIApplication", sockets: Sequence[socket.socket], announce: Callable[[], None]) -> int:
    """Answer until SIGINT or SIGTERM; returns the exit code.

    Args:
        application: What answers, in several threads.
        sockets: Where it listens.
        announce: Called once it answers and can be ended.
    """
    from waitress import create_server, wasyncore

    # Every moment in which a page asks for more than there are threads is worth a warning to waitress.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    channels: dict[int, object] = {}
    server = create_server(
        application,
        map=channels,
        sockets=list(sockets),
        threads=THREADS,
        ident=None,
        max_request_body_size=LARGEST_BODY,
    )
    with leaving_on_sigterm():
        try:
            announce()
            # Its own `run` would wait five seconds for what is being answered.
            wasyncore.loop(timeout=1, map=channels, use_poll=True)
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        except SystemExit as left:
            return int(left.code or 0)
        finally:
            logging.getLogger("waitress").setLevel(logging.ERROR)  # that threads are cut off is meant
            server.task_dispatcher.shutdown(timeout=LEAVE_SECONDS)
            wasyncore.close_all(channels)
            gc.freeze()  # Python looks through all that was imported before it ends, for seconds on a busy machine
    return 0


@contextmanager
def leaving_on_sigterm() -> Iterator[None]:
    """Within it, SIGTERM raises SystemExit with the exit code of that signal."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def unusable(address: Address, error: OSError, *, option: str = "--port") -> WorldError:
    """What keeps this process from an address, for people.

    Args:
        address: The address.
        error: What came of listening there.
        option: Where its port was given. Default: `--port`.
    """
    if error.errno == errno.EADDRINUSE:
        return WorldError(
            f"Port {address.port} of {address.host} is taken{_by_whom(address.port)}. "
            f"Choose another ({option}), or let one be chosen ({option} 0)."
        )
    if error.errno == errno.EACCES:
        return WorldError(f"Port {address.port} is not for ordinary users. Choose one above 1023 ({option}).")
    return WorldError(
        f"Cannot listen at {address.host}, port {address.port}: {error.strerror}. "
        f"Give {'--host' if option == '--port' else option} an address of this host, such as 127.0.0.1 or 0.0.0.0."
    )


def _by_whom(port: int) -> str:
    with suppress(psutil.Error, OSError):  # macOS shows other users' connections to root alone
        for connection in psutil.net_connections("tcp"):
            if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.laddr.port != port:
                continue
            if connection.pid is None:
                return " by a program of another user"
            return f" by {psutil.Process(connection.pid).name()}, process {connection.pid}"
    return " by another program"


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
