"""Fetch one file from the network: checked, written atomically, by one process while others wait."""

import fcntl
import http.client
import logging
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

logger = logging.getLogger(__name__)

Check = Callable[[Path], str | None]
"""Says what is wrong with a file, or None when it is sound."""

_CHUNK_BYTES: Final = 1 << 20


class DownloadError(Exception):
    """A file could not be fetched; the message names it and says why."""


def download(url: str, path: Path, *, check: Check, timeout_seconds: float = 10.0) -> Path:
    """Put the file behind `url` at `path`, unless a sound one is there by then.

    Whoever comes second waits for the first and takes its file. A file that `check` rejects is replaced.

    Args:
        url: An http or https address.
        path: Where the file goes; its folder is made.
        check: Called with a file before it gets its name, and with one already there.
        timeout_seconds: Longest wait for the connection, and for each next piece of the file; default 10.

    Returns:
        `path`.

    Raises:
        DownloadError: If the connection fails, the file comes incomplete or unsound, or cannot be written.
    """
    with exclusive(path):
        if path.exists() and check(path) is None:
            return path
        part = path.with_name(f".{path.name}.part")  # one name: the lock lets one process write it
        logger.info("Downloading %s", url)
        try:
            _fetch(url, part, timeout_seconds)
            if complaint := check(part):
                raise DownloadError(f"{url} is not the file expected: {complaint}")
            part.replace(path)
        except urllib.error.HTTPError as error:
            error.close()
            raise DownloadError(f"{url} cannot be fetched: HTTP {error.code} {error.reason}") from error
        except urllib.error.URLError as error:
            raise DownloadError(f"{url} cannot be fetched: {error.reason}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
            raise DownloadError(f"{url} cannot be fetched into {path.parent}: {reason}") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    return path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock of a file that is about to be made; wait as long as another process holds it.

    The lock is a hidden file beside `path`. It ends with the process that holds it: a killed one blocks
    nobody. The file stays, since removing it would let two processes hold two locks.

    Raises:
        DownloadError: If the folder cannot be made, or is on a file system without locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise DownloadError(f"{path.parent} cannot be written to: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            raise DownloadError(f"{path.parent} cannot be locked: {error.strerror}") from error
        yield
    finally:
        os.close(descriptor)  # releases the lock


def _fetch(url: str, part: Path, timeout_seconds: float) -> None:
    if not url.startswith(("http://", "https://")):
        raise DownloadError(f"{url} cannot be fetched. Expected an http or https address.")
    with _open(url, timeout_seconds) as response, part.open("wb") as file:
        received = 0
        while chunk := response.read(_CHUNK_BYTES):
            file.write(chunk)
            received += len(chunk)
        # http.client reports a body that ends early only to those who read it in one piece.
        expected = response.headers.get("Content-Length")
    if expected is not None and received != int(expected):
        raise DownloadError(f"{url} came incomplete: {received} of {expected} bytes")


def _open(url: str, timeout_seconds: float) -> http.client.HTTPResponse:
    """Ask for `url`, and wait for the answer no longer than `timeout_seconds` in all.

    The timeout of urllib is for each address of the host, and does not cover the look-up of its name:
    behind a firewall that drops packets it adds up to minutes. The thread left behind ends with its last
    attempt.
    """
    answers: SimpleQueue[http.client.HTTPResponse | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=timeout_seconds))  # noqa: S310  checked
        except (OSError, ValueError, http.client.HTTPException) as error:
            answers.put(error)

    threading.Thread(target=ask, name="download", daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_seconds)
    except Empty:
        raise TimeoutError(f"no answer within {timeout_seconds:g} seconds") from None
    if isinstance(answer, Exception):
        raise answer
    return answer
