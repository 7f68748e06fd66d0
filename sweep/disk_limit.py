"""What the checkpoints and weights below one home may take together, of all studies and stores."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sweep.errors import UsageError
from sweep.sizes import format_bytes, parse_size

CHECKPOINTS = "checkpoints"  # folders below a home
WEIGHTS = "weights"
LEAST_BYTES = 10**6  # a limit below it leaves no room for any network's weights


@dataclass(frozen=True, kw_only=True)
class DiskLimit:
    """The limit of one host; trainers measure by it too, for other trainers write meanwhile.

    Attributes:
        home: The home.
        bytes: What its checkpoints and weights may take.
    """

    home: Path
    bytes: int

    def used(self) -> int:
        """Bytes that they take."""
        return size_of(self.home / CHECKPOINTS) + size_of(self.home / WEIGHTS)

    def refuse_what_does_not_fit(self, path: Path, size: int, *, going: Iterable[Path]) -> None:
        """Refuse a file for which there is no room.

        Args:
            path: The file.
            size: Its bytes.
            going: Files that go when it is there, or will if it is worth more: their room counts as free.

        Raises:
            OSError: If it does not fit, as on a full disk.
        """
        room = self.bytes - self.used() + sum(size_of(each) for each in {path, *going})
        if size > room:
            raise OSError(
                f"{path.name} takes {format_bytes(size)}, and --max-disk {format_bytes(self.bytes)} leaves "
                f"{format_bytes(max(0, room))}"
            )

    def enforce(self, expendable: Iterable[Path]) -> list[Path]:
        """Remove files, in their order, until what is left is within the limit.

        Returns:
            What was removed.
        """
        removed: list[Path] = []
        over = self.used() - self.bytes
        for path in expendable:
            if over <= 0:
                break
            over -= size_of(path)
            path.unlink(missing_ok=True)
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
