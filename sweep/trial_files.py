"""What trials leave on this host's disk: checkpoints while they train, weights when they are done."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

CHECKPOINT_SUFFIX = ".npz"
WEIGHTS_SUFFIX = ".weights.npz"


class TrialFiles:
    """The files of one study's trials, by trial number.

    Args:
        home: The home; checkpoints are below `checkpoints/STUDY`, weights below `weights/STUDY`.
        study_name: The study.
    """

    def __init__(self, home: Path, study_name: str) -> None:
        self._checkpoints = home.absolute() / "checkpoints" / study_name
        self._weights = home.absolute() / "weights" / study_name

    def checkpoint(self, number: int) -> Path:
        """The checkpoint of one attempt."""
        return self._checkpoints / f"{number}{CHECKPOINT_SUFFIX}"

    def weights(self, number: int) -> Path:
        """The best epoch's weights of a trial."""
        return self._weights / f"{number}{WEIGHTS_SUFFIX}"

    def surplus(self, study: optuna.Study, *, keep: int) -> list[Path]:
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
        running = {trial.number for trial in trials if trial.state is TrialState.RUNNING}
        # Of running ones too: their trainer may not have read it yet.
        retried = {trial.user_attrs.get("retry_of") for trial in trials if not trial.state.is_finished()} - {None}
        kept = running | numbers_to_keep(trials, keep=keep)
        return [
            *(path for path in checkpoints if _number_of(path) not in running | retried | {None}),
            *(path for path in weights if _number_of(path) not in kept | {None}),
        ]

    def size(self) -> int:
        """Bytes of all files."""
        return size_of(self._checkpoints) + size_of(self._weights)

    def delete(self) -> None:
        """Remove everything."""
        for folder in (self._checkpoints, self._weights):
            shutil.rmtree(folder, ignore_errors=True)


def numbers_to_keep(trials: Iterable[FrozenTrial], *, keep: int) -> set[int]:
    """Trials whose weights are kept: complete reported experiments, and the best `keep` of all that were trained."""
    trained = [
        trial
        for trial in trials
        if trial.state is TrialState.COMPLETE and trial.value is not None and "reused_from" not in trial.user_attrs
    ]
    best = sorted(trained, key=lambda trial: (-(trial.value or 0.0), trial.number))[:keep]
    return {trial.number for trial in trained if "baseline" in trial.user_attrs} | {trial.number for trial in best}


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


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; 0 if there is none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a draft that was just renamed
            total += path.stat().st_size if path.is_file() else 0
    return total


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def _number_of(path: Path) -> int | None:
    """The trial a file belongs to, also as a draft with a dot in front; None for a file that is not ours."""
    number = path.name.lstrip(".").partition(".")[0]
    return int(number) if number.isdecimal() else None
