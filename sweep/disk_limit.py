"""What the checkpoints, weights and features below one home may take together, of all studies and stores."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.errors import UsageError
from sweep.sizes import format_bytes, parse_size

CHECKPOINTS = "checkpoints"  # folders below a home
WEIGHTS = "weights"
FEATURES = Path("cache", "features")
FEATURES_SHARE = 0.5  # of the limit: features can be computed again, weights cannot
LEAST_BYTES = 10**6  # a limit below it leaves no room for any network's weights

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class DiskLimit:
    """The limit of one host; trainers measure by it too, for other trainers write meanwhile.

    Attributes:
        home: The home.
        bytes: What its checkpoints, weights and features may take.
    """

    home: Path
    bytes: int

    def used(self) -> int:
        """Bytes that they take."""
        return sum(size_of(self.home / folder) for folder in (CHECKPOINTS, WEIGHTS, FEATURES))

    def refuse_what_does_not_fit(self, path: Path, size: int, *, going: Iterable[Path]) -> None:
        """Refuse a file for which there is no room, not even without the features that nobody uses.

        Args:
            path: The file.
            size: Its bytes.
            going: Files that go when it is there, or will if it is worth more: their room counts as free.

        Raises:
            OSError: If it does not fit, as on a full disk.
        """
        room = self.bytes - self.used() + sum(size_of(each) for each in {path, *going})
        if size > room:
            room += self._remove_features(size - room)
        if size > room:
            raise OSError(
                f"{path.name} takes {format_bytes(size)}, and --max-disk {format_bytes(self.bytes)} leaves "
                f"{format_bytes(max(0, room))}"
            )

    def make_room(self, size: int) -> None:
        """Make room for features, in the place of the least recently used ones. They get half of the limit at most.

        Args:
            size: Bytes of the new ones.

        Raises:
            OSError: If they do not fit.
        """
        features = size_of(self.home / FEATURES)
        over = max(features + size - int(self.bytes * FEATURES_SHARE), self.used() + size - self.bytes)
        if over > 0 and (over > features or self._remove_features(over) < over):
            raise OSError(
                f"{format_bytes(size)} more of features do not fit: --max-disk {format_bytes(self.bytes)} leaves them "
                f"at most {format_bytes(int(self.bytes * FEATURES_SHARE))}, and those in use stay"
            )

    def _remove_features(self, enough: int) -> int:
        """Remove features that nobody uses, the least recently used first; returns the bytes freed."""
        from sweep.feature_files import remove_unused, unused  # NumPy: whoever only asks for sizes does without

        try:
            return remove_unused(unused(self.home / FEATURES), enough=enough)
        except OSError:
            return 0

    def enforce(self, expendable: Iterable[Path]) -> list[Path]:
        """Remove features that nobody uses, then files, in their order, until what is left is within the limit.

        A file that cannot be removed stays, and the next one goes in its place.

        Returns:
            What was removed beside features, which are computed again where they are needed.
        """
        removed: list[Path] = []
        over = self.used() - self.bytes
        if over > 0:
            over -= self._remove_features(over)
        for path in expendable:
            if over <= 0:
                break
            size = size_of(path)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("not removed: %s", error)
                continue
            over -= size
            removed.append(path)
        return removed


def parse_disk_limit(text: str) -> int:
    """Read the value of --max-disk.

    Returns:
        Bytes.

    Raises:
        UsageError: If it is not a size, or too little for anything.
    """
    size = parse_size(str(text))  # a settings file may have a number
    if size < LEAST_BYTES:
        raise UsageError(
            f"--max-disk must leave room for a network's weights: at least {format_bytes(LEAST_BYTES)}, written as "
            f"20GB, 500MB or plain bytes. Received: {text}"
        )
    return size


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 if there is none."""
    total = 0
    for each in (path, *path.rglob("*")):
        with suppress(FileNotFoundError):  # a draft that was just renamed
            total += each.stat().st_size if each.is_file() else 0
    return total
