"""Features of frozen networks on this host's disk: found again by the images they belong to, and removable at any time.

Below a home, `cache/features/NETWORK.CONTENT.npy` holds what one frozen network makes of some images, with a digest of
each image; NETWORK begins with the backbone's name. A file never changes: more images make another file. CONTENT is
the file's own SHA-256, so that a damaged one is recognised. Whoever uses a file holds a shared lock on it.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sweep.disk_limit import FEATURES

if TYPE_CHECKING:
    from storage import Location  # a trainer, which uses this module, knows no database

SUFFIX = ".npy"
DRAFT_SUFFIX = ".draft"
LOCK_SUFFIX = ".lock"
DIGEST_BYTES = 16  # of an image: two in a million million do not meet
LOCK_POLL_SECONDS = 0.1  # while another process computes
HEADER_BYTES = 256  # at least what NumPy writes before an array

log = logging.getLogger(__name__)

Digests = npt.NDArray[np.uint8]
"""One of `DIGEST_BYTES` for each image, shape (n, DIGEST_BYTES)."""


def features_folder(home: Path, location: "Location") -> Path:
    """The folder of one store's features, apart for each store that is used with this home: `gc` knows only one."""
    key = location.key_in(home)
    folder = home.absolute() / FEATURES
    return folder / f"@{key}" if key else folder


def digests_of(images: np.ndarray) -> Digests:
    """A digest of each image.

    Args:
        images: (n, h, w, c) uint8. Their shape is not in it.
    """
    digests = bytearray()
    for image in np.ascontiguousarray(images):
        digests += hashlib.blake2b(image.data, digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(bytes(digests), np.uint8).reshape(len(images), DIGEST_BYTES)


def rows(digests: Digests) -> Iterator[tuple[bytes, int]]:
    """Each digest with its row."""
    content = digests.tobytes()
    for row in range(len(digests)):
        yield content[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES], row


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Features by image.

    Attributes:
        digests: Of n images.
        values: (n, *shape): float32, or bfloat16 as uint16, for NumPy's files do not know that.
    """

    digests: Digests
    values: npt.NDArray[Any]

    def gather(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
        """Features of some rows, as float32: that holds every bfloat16 exactly."""
        values = np.asarray(self.values[rows])
        if values.dtype == np.uint16:
            return (values.astype(np.uint32) << 16).view(np.float32)
        return values.astype(np.float32, copy=False)


class FeatureFiles:
    """The files of one frozen network, as one process uses them.

    Args:
        folder: What `features_folder` returned; made when something is written.
        network: The network's name: it stands for all that decides its features.
    """

    def __init__(self, folder: Path, network: str) -> None:
        self.folder = folder
        self.network = network
        self._opened: dict[Path, tuple[IO[bytes], Table]] = {}
        self._sound: set[tuple[str, int, int, int]] = set()  # files whose content was compared with their name

    def open(self) -> list[Table]:
        """Map every sound file that is there now; they stay until `close`. A damaged one is removed."""
        for path in sorted(self.folder.glob(f"{self.network}.*{SUFFIX}")):
            if path not in self._opened and (found := self._open(path)) is not None:
                self._opened[path] = found
        return [table for _, table in self._opened.values()]

    def close(self) -> None:
        """Let go of all files; they may be removed then."""
        for file, _ in self._opened.values():
            file.close()
        self._opened.clear()

    def write(self, table: Table, *, make_room: Callable[[int], None]) -> None:
        """Write a file under a temporary name, then rename it. The caller holds the lock.

        Args:
            table: What goes into it.
            make_room: Called with its bytes; raises OSError where there is no room.

        Raises:
            OSError: If it cannot be written.
        """
        record = np.empty(1, _record(len(table.digests), table.values.shape[1:], table.values.dtype))
        record["digests"][0], record["values"][0] = table.digests, table.values
        make_room(record.nbytes + HEADER_BYTES)
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f".{self.network}.{os.getpid()}{DRAFT_SUFFIX}"
        try:
            with draft.open("wb") as file:
                np.save(file, record)
            # Not forced to the disk: what a power cut leaves does not fit its name.
            draft.replace(self.folder / f"{self.network}.{_content(draft)}{SUFFIX}")
        finally:
            draft.unlink(missing_ok=True)

    @contextmanager
    def exclusive(self, wait: Callable[[], None]) -> Iterator[None]:
        """Hold the network's lock: whoever comes second finds what the first one computed.

        The system releases it when the process dies. Where the folder cannot be written or has no locks, there is
        nothing to share either, and everybody computes.

        Args:
            wait: Called again and again while another process holds it; ends the wait by raising.
        """
        file = self._lock_file()
        try:
            while file is not None and not _lock(file, fcntl.LOCK_EX):
                wait()
                time.sleep(LOCK_POLL_SECONDS)
            yield
        finally:
            if file is not None:
                file.close()

    def _lock_file(self) -> IO[bytes] | None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            file = _lock_path(self.folder, self.network).open("ab")
        except OSError as error:
            log.warning("features are not shared: %s", error)
            return None
        return file

    def _open(self, path: Path) -> tuple[IO[bytes], Table] | None:
        try:
            file = path.open("rb")
        except OSError:
            return None
        with _closed_on_failure(file):
            # Whoever removes it holds it alone meanwhile, and may have removed it before this lock was got.
            if not _lock(file, fcntl.LOCK_SH) or os.fstat(file.fileno()).st_nlink == 0:
                file.close()
                return None
            status = os.fstat(file.fileno())
            mark = (path.name, status.st_ino, status.st_size, status.st_mtime_ns)
            if mark not in self._sound:
                if path.name != f"{self.network}.{_content(path)}{SUFFIX}":
                    log.warning("%s is damaged; its features are computed again", path)
                    path.unlink(missing_ok=True)
                    file.close()
                    return None
                self._sound.add(mark)
            with suppress(OSError):  # when it was last used: set here, for some disks do not
                os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
            record = np.load(path, mmap_mode="r")
            return file, Table(digests=record["digests"][0], values=record["values"][0])


def unused(folder: Path) -> list[Path]:
    """Files of features below a folder that nobody uses, the least recently used first."""
    found: list[tuple[int, Path]] = []
    for path in folder.rglob(f"*{SUFFIX}"):
        with suppress(FileNotFoundError):
            if not _is_used(path):
                found.append((path.stat().st_atime_ns, path))
    return [path for _, path in sorted(found)]


def remove_unused(paths: Iterable[Path], *, enough: int | None = None) -> int:
    """Remove files of features, except those that somebody uses.

    Args:
        paths: The files; those already gone are fine.
        enough: Bytes after which no more are removed; None (default): all go.

    Returns:
        Bytes freed.
    """
    freed = 0
    for path in paths:
        if enough is not None and freed >= enough:
            break
        with suppress(FileNotFoundError), path.open("r+b") as file:
            if _lock(file, fcntl.LOCK_EX):  # held until it is gone
                freed += os.fstat(file.fileno()).st_size
                path.unlink()
    return freed


def drafts_left(folder: Path) -> list[Path]:
    """Drafts of features in a folder that nobody writes any more."""
    return [
        path for path in sorted(folder.glob(f".*{DRAFT_SUFFIX}")) if not _is_used(_lock_path(folder, network_of(path)))
    ]


def network_of(path: Path) -> str:
    """The network that a file or draft of features belongs to."""
    return path.name.lstrip(".").partition(".")[0]


def _record(count: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Both arrays one behind the other: looking for images need not read their features."""
    return np.dtype([("digests", np.uint8, (count, DIGEST_BYTES)), ("values", dtype, (count, *shape))])


def _content(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def _lock_path(folder: Path, network: str) -> Path:
    return folder / f".{network}{LOCK_SUFFIX}"


def _is_used(path: Path) -> bool:
    """Whether another process, or another part of this one, holds a lock on a file."""
    with suppress(FileNotFoundError), path.open("rb") as file:
        return not _lock(file, fcntl.LOCK_EX)
    return False


def _lock(file: IO[bytes], kind: int) -> bool:
    """Lock a file as far as its disk has locks; False if others hold it. Those who only read wait: for an instant."""
    try:
        fcntl.flock(file, kind if kind == fcntl.LOCK_SH else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        log.warning("%s cannot be locked: %s", file.name, error)
    return True


@contextmanager
def _closed_on_failure(file: IO[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.close()
        raise
