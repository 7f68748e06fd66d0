"""What trials leave on this host's disk: checkpoints while they train, weights and artifacts when they are done."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from storage import Location
from storage.artifacts import Artifacts, artifacts_folder
from sweep.disk_limit import CHECKPOINTS, WEIGHTS, size_of

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

    Attributes:
        artifacts: What people look at.
    """

    def __init__(self, home: Path, study_name: str, location: Location) -> None:
        key = location.key_in(home)
        folder = f"{study_name}{KEY_MARK}{key}" if key else study_name
        self._checkpoints = home.absolute() / CHECKPOINTS / folder
        self._weights = home.absolute() / WEIGHTS / folder
        self.artifacts = Artifacts(artifacts_folder(home, location), study_name)

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

    def surplus(self, study: "optuna.Study", *, keep: int) -> list[Path]:
        """Files that no rule keeps.

        Checkpoints are kept for trials that run, or that a waiting or running trial retries; weights for reported
        experiments and the best `keep` trials. A running trial's weights are on their way, and are left alone.

        Args:
            study: The study.
            keep: Best trials whose weights are kept.
        """
        # Listed before the trials are read: a file that a trial claimed meanwhile writes is not in the list.
        checkpoints, weights = _files_in(self._checkpoints), _files_in(self._weights)
        trials = study.get_trials(deepcopy=False)
        running = {trial.number for trial in trials if trial.state.name == "RUNNING"}
        # Of running ones too: their trainer may not have read it yet.
        retried = _retried(trials, "WAITING", "RUNNING")
        kept = running | numbers_to_keep(trials, keep=keep)
        return [
            *(path for path in checkpoints if _number_of(path) not in running | retried | {None}),
            *(path for path in weights if _number_of(path) not in kept | {None}),
        ]

    def expendable(self, study: "optuna.Study") -> dict[Path, str]:
        """What may go where the disk is limited, in that order, with words for each.

        Weights from the worst value upwards, those of reported experiments included, but never the best that are
        here; then checkpoints that waiting trials go on from, the oldest first. Nothing of running trials.

        Args:
            study: The study.
        """
        trials = study.get_trials(deepcopy=False)
        here = [trial.number for trial in _from_best(trials) if self.weights(trial.number).exists()]
        retried = _retried(trials, "WAITING") - _retried(trials, "RUNNING")
        waiting = [number for number in sorted(retried) if self.checkpoint(number).exists()]
        return {self.weights(number): f"weights of trial {number}" for number in reversed(here[1:])} | {
            self.checkpoint(number): f"checkpoint of trial {number}" for number in waiting
        }

    def size(self) -> int:
        """Bytes of all files."""
        return size_of(self._checkpoints) + size_of(self._weights) + self.artifacts.size()

    def delete(self) -> None:
        """Remove everything."""
        for folder in (self._checkpoints, self._weights):
            shutil.rmtree(folder, ignore_errors=True)
        self.artifacts.delete()


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


def numbers_to_keep(trials: "Iterable[FrozenTrial]", *, keep: int) -> set[int]:
    """Trials whose weights are kept: complete reported experiments and confirmations, and the best `keep` of all."""
    trained = _from_best(trials)
    best = trained[:keep]
    lasting = {trial.number for trial in trained if {"baseline", "confirms"} & trial.user_attrs.keys()}
    return lasting | {trial.number for trial in best}


def _retried(trials: "Iterable[FrozenTrial]", *states: str) -> set[int]:
    """Numbers of the trials that those in these states retry."""
    numbers = (trial.user_attrs.get("retry_of") for trial in trials if trial.state.name in states)
    return {number for number in numbers if number is not None}


def _from_best(trials: "Iterable[FrozenTrial]") -> "list[FrozenTrial]":
    """Complete trials that were trained, the best first; of equal ones the first."""
    trained = [
        trial
        for trial in trials
        if trial.state.name == "COMPLETE" and trial.value is not None and "reused_from" not in trial.user_attrs
    ]
    return sorted(trained, key=lambda trial: (-(trial.value or 0.0), trial.number))


def remove(paths: Iterable[Path]) -> int:
    """Remove files, those already gone included.

    Returns:
        Bytes freed.
    """
    freed = 0
    for path in paths:
        try:
            size = path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        freed += size
    return freed


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _number_of(path: Path) -> int | None:
    """The trial a file belongs to, also as a draft with a dot in front; None for a file that is not ours."""
    number = path.name.lstrip(".").partition(".")[0]
    return int(number) if number.isdecimal() else None
