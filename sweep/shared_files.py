"""The files of one study's trials at the place that all hosts share: checkpoints, weights and artifacts."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from storage.artifacts import OURS, unrecorded
from storage.objects import Objects
from sweep.disk_limit import CHECKPOINTS, WEIGHTS
from sweep.kept import kept_numbers, number_of

if TYPE_CHECKING:
    import optuna

ARTIFACTS = "artifacts"


class SharedFiles:
    """Copies of what lies in homes. The same rules say what is kept.

    Every call may raise a PlaceError.

    Args:
        objects: The study's place.
        key_of: The key of a file of a home; raises ValueError for a file that is not the study's.
    """

    def __init__(self, objects: Objects, key_of: Callable[[Path], str]) -> None:
        self._objects = objects
        self._key_of = key_of

    def __str__(self) -> str:
        """Where it is, for people."""
        return str(self._objects.address)

    def url(self, path: Path) -> str:
        """Where the copy of a file is, for people."""
        return self._objects.url(self._key_of(path))

    def copy(self, path: Path) -> None:
        """Copy a file there.

        Raises:
            OSError: If it cannot be read.
        """
        self._objects.put(path, self._key_of(path))

    def fetch(self, path: Path) -> bool:
        """Bring a file here from there, unless it is here.

        Returns:
            Whether it is here now.

        Raises:
            OSError: If it cannot be written.
        """
        return path.is_file() or self._objects.get(self._key_of(path), path)

    def read(self, path: Path) -> bytes | None:
        """The content of a file's copy, or None where there is none."""
        return self._objects.read(self._key_of(path))

    def has(self, path: Path) -> bool:
        """Whether there is a copy of a file."""
        return self._objects.has(self._key_of(path))

    def names(self, folder: str) -> set[str]:
        """Names of the files there, of one of the folders `checkpoints`, `weights` and `artifacts`."""
        return {Path(key).name for key in self._objects.sizes(folder)}

    def surplus(self, study: "optuna.Study", *, keep: int) -> dict[str, int]:
        """Bytes by key of checkpoints and weights there that no rule keeps, see `TrialFiles.surplus`."""
        # Listed before the trials are read, as in a home.
        checkpoints, weights = self._objects.sizes(CHECKPOINTS), self._objects.sizes(WEIGHTS)
        kept = kept_numbers(study.get_trials(deepcopy=False), keep=keep)
        return {
            key: size
            for found, numbers in ((checkpoints, kept.checkpoints), (weights, kept.weights))
            for key, size in found.items()
            if number_of(Path(key)) not in numbers | {None}
        }

    def orphans(self, study: "optuna.Study") -> dict[str, int]:
        """Bytes by key of artifacts there that no finished trial has, see `Artifacts.orphans`."""
        found = {key: size for key, size in self._objects.sizes(ARTIFACTS).items() if OURS.fullmatch(Path(key).name)}
        names = unrecorded(study, [Path(key).name for key in found])
        return {key: size for key, size in found.items() if Path(key).name in names}

    def remove(self, paths: Iterable[Path]) -> None:
        """Remove the copies of files."""
        self.remove_keys(self._key_of(path) for path in paths)

    def remove_keys(self, keys: Iterable[str]) -> None:
        """Remove what lies there under these keys."""
        self._objects.remove(keys)

    def delete(self) -> int:
        """Remove everything of the study; returns how many files that were."""
        keys = self._objects.sizes()
        self._objects.remove(keys)
        return len(keys)
