"""What `sweep doctor` looks at: trials that nobody trains, files that nothing needs, versions, disk and data."""

import shutil
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import optuna
from optuna.trial import TrialState

from storage import Store
from storage.errors import PlaceError
from sweep.failures import FailureKind
from sweep.housekeeping import clear, find_removable
from sweep.identity import read_identity
from sweep.places import ForeignPlaceError
from sweep.provenance import changed_versions
from sweep.shared_files import ARTIFACTS
from sweep.sizes import counted, format_bytes
from sweep.trial_files import TrialFiles
from sweep.worker.liveness import is_dead, marks_folder

LITTLE_BYTES = 10**9  # free on the home's disk: too little for a study's weights, and soon for its store


class Verdict(StrEnum):
    """What a finding means: a note is worth knowing, a problem needs somebody."""

    FINE = "fine"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: What was found, for people.
        verdict: What it means.
        study: The study it is about, or None.
        fix: What `mend` does about it, or None where it can do nothing.
        fixed: Whether that was done.
    """

    what: str
    verdict: Verdict
    study: str | None = None
    fix: str | None = None
    fixed: bool = False


@dataclass(frozen=True, kw_only=True)
class LostTrials:
    """Running trials of one study that nobody trains: their worker is dead, or silent beyond the grace period."""

    dead: list[optuna.Trial] = field(default_factory=list)
    silent: list[optuna.Trial] = field(default_factory=list)


def find_lost(store: Store, study: optuna.Study, home: Path) -> LostTrials:
    """Running trials that nobody trains any more."""
    running = store.running_trials(study)
    workers = [(trial, trial.user_attrs.get("worker")) for trial in running]
    # Claims and names are given under one lock: a trial without a name is a dead worker's, but for an instant.
    dead = [trial for trial, worker in workers if worker is None or is_dead(marks_folder(home, store.location), worker)]
    known = {trial.number for trial in dead}
    return LostTrials(dead=dead, silent=[trial for trial in store.stale_trials(study) if trial.number not in known])


def examine(store: Store, home: Path) -> list[Finding]:
    """Look at every study and at the files beside the store; changes nothing."""
    findings: list[Finding] = []
    for name in store.study_names():
        findings += _examine_study(store, store.load(name), home)
    found = find_removable(store, home)
    if found:
        size = format_bytes(sum(each.bytes for each in found))
        what = f"{counted(len(found), 'file or folder', 'files and folders')} that nothing needs, {size}"
        findings.append(Finding(what=what, verdict=Verdict.NOTE, fix="removes them, as `sweep gc` does"))
    else:
        findings.append(Finding(what="no file that nothing needs", verdict=Verdict.FINE))
    return findings


def mend(store: Store, home: Path) -> None:
    """Give back the trials that nobody trains, then remove what nothing needs."""
    from sweep.worker.ledger import give_back  # it draws in scikit-learn: a second that `status` need not wait

    for name in store.study_names():
        with store.lock(name):
            study = store.load(name)
            if read_identity(study) is None:
                continue
            lost = find_lost(store, study, home)
            for trials, why in ((lost.dead, "its worker died"), (lost.silent, "its worker fell silent")):
                for trial in trials:
                    give_back(study, trial, FailureKind.INTERRUPTED, why, max_retries=0)
    clear(find_removable(store, home))


def _examine_study(store: Store, study: optuna.Study, home: Path) -> list[Finding]:
    name = study.study_name
    if read_identity(study) is None:
        return [Finding(what=f"{name} was made by another tool; left alone", verdict=Verdict.NOTE, study=name)]
    findings: list[Finding] = []
    lost = find_lost(store, study, home)
    for trials, why in ((lost.dead, "is dead"), (lost.silent, "has been silent for too long")):
        if trials:
            numbers = ", ".join(str(trial.number) for trial in trials)
            what = f"{name}: {counted(len(trials), 'running trial')} whose worker {why}: {numbers}"
            fix = "gives back what nobody trains: it waits again"
            findings.append(Finding(what=what, verdict=Verdict.PROBLEM, study=name, fix=fix))
    try:
        findings += _examine_artifacts(study, TrialFiles.of(home, study, store.location))
    except (PlaceError, ForeignPlaceError) as error:
        findings.append(Finding(what=f"{name}: {error}", verdict=Verdict.PROBLEM, study=name))
    changed = changed_versions(study)
    if changed:
        what = f"{name}: its last trial was trained with other versions: {', '.join(changed)}"
        findings.append(Finding(what=what, verdict=Verdict.NOTE, study=name))
    if not findings:
        running = counted(len(study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))), "running trial")
        findings.append(
            Finding(what=f"{name}: {running}, none of them lost", verdict=Verdict.FINE, study=name),
        )
    return findings


def _examine_artifacts(study: optuna.Study, files: TrialFiles) -> list[Finding]:
    gone = {trial.number: files.artifacts.missing(trial) for trial in study.get_trials(deepcopy=False)}
    where = "not on this host"
    if files.shared is not None:  # asked even where nothing is missing: whether it answers is worth knowing
        there, where = files.shared.names(ARTIFACTS), f"neither on this host nor at {files.shared}"
        gone = {
            number: [record for record in records if record.artifact_id not in there]
            for number, records in gone.items()
        }
    lacking = [str(number) for number, records in gone.items() if records]
    if not lacking:
        return []
    trials = f"trial{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}"
    what = f"{counted(sum(map(len, gone.values())), 'artifact')} of {trials}: recorded, but {where}"
    return [Finding(what=f"{study.study_name}: {what}", verdict=Verdict.NOTE, study=study.study_name)]


def examine_disk(home: Path) -> Finding:
    """How much is free where the home is, or will be."""
    home = home.absolute()
    there = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free
    return Finding(
        what=f"{format_bytes(free)} free for {home}",
        verdict=Verdict.PROBLEM if free < LITTLE_BYTES else Verdict.FINE,
    )


def examine_data(home: Path) -> Finding:
    """Whether Fashion-MNIST is on this host, whole and unaltered; asks no network."""
    from sweep.data.dataset import DataError, DataReference, load_dataset  # scikit-learn and pillow: only here

    try:
        found = load_dataset(DataReference(cache_dir=home / "cache"), download=False)
    except DataError:
        return Finding(what="Fashion-MNIST is not on this host; `sweep data` gets it", verdict=Verdict.NOTE)
    return Finding(what=f"Fashion-MNIST: complete and unaltered, from {found.source}", verdict=Verdict.FINE)
