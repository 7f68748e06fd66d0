"""What trials leave on this host's disk: checkpoints while they train, weights and artifacts when they are done."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from storage import Location
from storage.address import Address
from storage.artifacts import Artifacts, artifacts_folder, records_of, records_of_study
from storage.objects import Objects
from sweep.disk_limit import CHECKPOINTS, WEIGHTS, size_of
from sweep.kept import from_best, kept_numbers, number_of, numbers_retried, numbers_to_keep
from sweep.places import place_of
from sweep.shared_files import ARTIFACTS, SharedFiles

if TYPE_CHECKING:  # who only measures files does without Optuna, which takes long to import
    import optuna
    from optuna.trial import FrozenTrial

CHECKPOINT_SUFFIX = ".npz"
WEIGHTS_SUFFIX = ".weights.npz"
KEY_MARK = "@"  # between a study's name, which has none, and the key of a store that is not the home's own


class TrialFiles:
    """The files of one study's trials, by trial number.

    Args:
        home: The home; checkpoints are below `checkpoints/STUDY`, weights below `weights/STUDY`. Studies of another
            store than the home's own have `STUDY@KEY` there: two stores may hold studies of one name.
        study_name: The study.
        location: The store that holds it.
        place: Where the study's files are kept besides, or None. Default: None.

    Attributes:
        artifacts: What people look at.
        shared: The copies at that place, or None.
    """

    def __init__(self, home: Path, study_name: str, location: Location, place: Address | None = None) -> None:
        key = location.key_in(home)
        folder = f"{study_name}{KEY_MARK}{key}" if key else study_name
        self._checkpoints = home.absolute() / CHECKPOINTS / folder
        self._weights = home.absolute() / WEIGHTS / folder
        self._artifacts = artifacts_folder(home, location)
        self.artifacts = Artifacts(self._artifacts, study_name)
        self.shared = None if place is None else SharedFiles(Objects(place), self._key_of)

    @classmethod
    def of(cls, home: Path, study: "optuna.Study", location: Location) -> "TrialFiles":
        """The files of a study in a home, and at the place that it has recorded."""
        return cls(home, study.study_name, location, place_of(study))

    def checkpoint(self, number: int) -> Path:
        """The checkpoint of one attempt."""
        return self._checkpoints / f"{number}{CHECKPOINT_SUFFIX}"

    def weights(self, number: int) -> Path:
        """The best epoch's weights of a trial."""
        return self._weights / f"{number}{WEIGHTS_SUFFIX}"

    def named_checkpoint(self, name: str) -> Path:
        """The checkpoint of what is no trial; no rule removes it."""
        return self._checkpoints / f"{name}{CHECKPOINT_SUFFIX}"

    def named_weights(self, name: str) -> Path:
        """The weights of what is no trial; no rule removes them."""
        return self._weights / f"{name}{WEIGHTS_SUFFIX}"

    def surplus(self, read_trials: "Callable[[], Iterable[FrozenTrial]]", *, keep: int) -> list[Path]:
        """Files that no rule keeps.

        Checkpoints are kept for trials that run, or that a waiting or running trial retries; weights for reported
        experiments and the best `keep` trials. A running trial's weights are on their way, and are left alone.

        Args:
            read_trials: Reads all trials of the study.
            keep: Best trials whose weights are kept.
        """
        # Listed before the trials are read: a file that a trial claimed meanwhile writes is not in the list.
        checkpoints, weights = _files_in(self._checkpoints), _files_in(self._weights)
        kept = kept_numbers(read_trials(), keep=keep)
        return [
            *(path for path in checkpoints if number_of(path) not in kept.checkpoints | {None}),
            *(path for path in weights if number_of(path) not in kept.weights | {None}),
        ]

    def lasting(self, study: "optuna.Study", *, keep: int) -> list[Path]:
        """Weights and artifacts here of trials that ended, and of the study itself, that the rules keep.

        Args:
            study: The study.
            keep: Best trials whose weights are kept.
        """
        trials = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
        kept = numbers_to_keep(trials, keep=keep)
        known = {record.artifact_id for trial in trials for record in records_of(trial)}
        known |= {record.artifact_id for record in records_of_study(study)}
        return [
            *(path for path in _files_in(self._weights) if path.name[0] != "." and number_of(path) in kept),
            *(path for path in _files_in(self._artifacts) if path.name in known),
        ]

    def expendable(self, study: "optuna.Study") -> dict[Path, str]:
        """What may go where the disk is limited, in that order, with words for each.

        Weights from the worst value upwards, those of reported experiments included, but never the best that are
        here; then checkpoints that waiting trials go on from, the oldest first. Nothing of running trials.

        Args:
            study: The study.
        """
        trials = study.get_trials(deepcopy=False)
        here = [trial.number for trial in from_best(trials) if self.weights(trial.number).exists()]
        retried = numbers_retried(trials, "WAITING") - numbers_retried(trials, "RUNNING")
        waiting = [number for number in sorted(retried) if self.checkpoint(number).exists()]
        return {self.weights(number): f"weights of trial {number}" for number in reversed(here[1:])} | {
            self.checkpoint(number): f"checkpoint of trial {number}" for number in waiting
        }

    def read(self, path: Path) -> bytes | None:
        """The content of a file, from the place where it is not here; None if it is nowhere.

        Raises:
            PlaceError: If the place cannot say.
        """
        try:
            return path.read_bytes()
        except ValueError:  # no name of a file at all
            return None
        except OSError:
            return None if self.shared is None else self.shared.read(path)

    def size(self) -> int:
        """Bytes of all files."""
        return size_of(self._checkpoints) + size_of(self._weights) + self.artifacts.size()

    def delete(self) -> None:
        """Remove everything here."""
        for folder in (self._checkpoints, self._weights):
            shutil.rmtree(folder, ignore_errors=True)
        self.artifacts.delete()

    def _key_of(self, path: Path) -> str:
        """Under which key a file's copy lies at the study's place.

        Raises:
            ValueError: If it is none of the study's files: a name that a database gave may lead anywhere.
        """
        folders = {self._checkpoints: CHECKPOINTS, self._weights: WEIGHTS, self._artifacts: ARTIFACTS}
        if path.parent not in folders or path.name in ("", ".."):
            raise ValueError(f"{path} is none of the study's files")
        return f"{folders[path.parent]}/{path.name}"


def study_folders(home: Path, location: Location) -> Iterator[tuple[Path, str]]:
    """Folders of one store's studies with the name of each, of studies that are gone too; other stores' are left out.

    A link leads elsewhere and is left out as well.
    """
    key = location.key_in(home)
    for part in (CHECKPOINTS, WEIGHTS):
        for path in sorted((home.absolute() / part).glob("*")):
            name, _, found = path.name.partition(KEY_MARK)
            if found == key and path.is_dir() and not path.is_symlink():
                yield path, name


def remove(paths: Iterable[Path]) -> int:
    """Remove files, those already gone included.

    Returns:
        Bytes freed.

    Raises:
        OSError: If one cannot be removed; the others are gone then.
    """
    freed, problem = 0, None
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            problem = problem or error
            continue
        freed += size
    if problem is not None:
        raise problem
    return freed


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
