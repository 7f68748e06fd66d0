"""What lies in a home that nothing needs: files of trials, studies and workers that are gone."""

import shutil
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import optuna
from optuna.trial import TrialState

from search_spaces import BACKBONES, UnknownFamilyError
from storage import Store
from storage.artifacts import artifacts_folder, of_gone_studies
from sweep.budget import read_budget
from sweep.disk_limit import size_of
from sweep.errors import WorldError
from sweep.feature_files import drafts_left, features_folder, network_of, remove_unused, unused
from sweep.identity import read_identity
from sweep.standing import standing_of
from sweep.trial_files import TrialFiles, remove, study_folders
from sweep.worker.liveness import is_dead, marks_folder


class Why(StrEnum):
    """Why a file can go."""

    UNKEPT = "no rule keeps it"
    DRAFT = "nobody writes it any more"
    STUDY = "its study is gone"
    WORKER = "its worker is gone"
    FEATURES = "no study that may still train needs it"


@dataclass(frozen=True, kw_only=True)
class Removable:
    """A file, or a folder with all that is in it, that nothing needs."""

    path: Path
    bytes: int
    why: Why


def find_removable(store: Store, home: Path) -> list[Removable]:
    """What nothing needs of checkpoints, weights, features and workers' marks; the store, logs and data stay.

    Files of studies that another tool made are not ours to judge: their names may be any path. Neither are those of
    another store that is used with this home.

    Args:
        store: The store, which was read: a study that it does not hold is gone.
        home: The home.
    """
    home = home.absolute()
    # Listed before the store is read: what a trial or a study that begins meanwhile writes is not in the lists.
    folders = list(study_folders(home, store.location))
    marks = marks_folder(home, store.location)
    dead = [path for path in _within(marks) if path.is_file() and is_dead(marks, path.name)]
    artifacts = _within(artifacts_folder(home, store.location))
    studies = [store.load(name) for name in store.study_names()]
    # Some file systems change the case or composition of names.
    known = {_folded(study.study_name) for study in studies}
    needed = {trial.user_attrs.get("worker") for study in studies for trial in _running(study)}
    found: list[Removable] = []
    for study in studies:
        if read_identity(study) is not None:
            found += _of_study(study, TrialFiles(home, study.study_name, store.location))  # in this home alone
    for path, name in folders:
        if _folded(name) not in known:
            found.append(Removable(path=path, bytes=size_of(path), why=Why.STUDY))
    gone = of_gone_studies(artifacts, [study.study_name for study in studies])
    found += [_file(path, Why.STUDY) for path in gone]
    found += [_file(path, Why.WORKER) for path in dead if path.name not in needed]
    found += _of_features(features_folder(home, store.location), studies)
    return found


def clear(found: Iterable[Removable]) -> None:
    """Remove what was found; what is gone already is fine.

    Raises:
        WorldError: If something cannot be removed.
    """
    for each in found:
        try:
            if each.why is Why.FEATURES:
                remove_unused([each.path])  # a trainer may have begun with it
            elif each.path.is_dir():
                shutil.rmtree(each.path)
            else:
                remove([each.path])
        except FileNotFoundError:
            continue
        except OSError as error:
            raise WorldError(f"{each.path} cannot be removed: {error.strerror}.") from error


def _of_study(study: optuna.Study, files: TrialFiles) -> list[Removable]:
    drafts = [
        path for folder in (files.checkpoint(0).parent, files.weights(0).parent) for path in _within(folder, ".*")
    ]
    surplus = files.surplus(lambda: study.get_trials(deepcopy=False), keep=read_budget(study).keep)
    written = {path(trial.number) for trial in _running(study) for path in (files.checkpoint, files.weights)}
    # `.7.npz.123` becomes `7.npz`: only a running trial's draft is still being written.
    left = {path for path in drafts if path.with_name(path.name[1:].rpartition(".")[0]) not in written}
    return [
        *(_file(path, Why.UNKEPT) for path in surplus if path not in left),
        *(_file(path, Why.DRAFT) for path in sorted(left)),
        *(_file(path, Why.UNKEPT) for path in files.artifacts.orphans(study)),
    ]


def _of_features(folder: Path, studies: Iterable[optuna.Study]) -> list[Removable]:
    """Features of backbones that no study trains any more; they can be computed again. What a trainer uses stays."""
    idle, drafts = [path for path in unused(folder) if path.parent == folder], drafts_left(folder)
    needed = _backbones_needed(studies) if idle else set()
    return [
        *(_file(path, Why.FEATURES) for path in sorted(idle) if network_of(path).partition("-")[0] not in needed),
        *(_file(path, Why.DRAFT) for path in drafts),
    ]


def _backbones_needed(studies: Iterable[optuna.Study]) -> set[str]:
    """Backbones of the studies that may still train; all where a family's package is not installed here."""
    needed: set[str] = set()
    for study in studies:
        identity = read_identity(study)
        if identity is None or standing_of(study).is_over:
            continue
        try:
            needed |= set(identity.search_space.uses_backbones)
        except UnknownFamilyError:
            needed |= set(BACKBONES)
    return needed


def _within(folder: Path, pattern: str = "*") -> list[Path]:
    """What lies in a folder, if it is there; a link leads elsewhere and is left alone."""
    return sorted(path for path in folder.glob(pattern) if not path.is_symlink())


def _file(path: Path, why: Why) -> Removable:
    try:
        return Removable(path=path, bytes=path.stat().st_size, why=why)
    except FileNotFoundError:
        return Removable(path=path, bytes=0, why=why)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _running(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
