"""The commands that change a study without training: enqueue, stop, delete."""

import shlex
import sys
from pathlib import Path

import optuna
import typer

from search_spaces import Configuration, SearchSpace
from storage import Store
from storage.errors import PlaceError
from sweep.affordable import excess_of
from sweep.cli.counting import open_studies
from sweep.cli.options import Place
from sweep.cli.place import files_of, reading_store, where, writing_store
from sweep.cli.streams import notes
from sweep.confirming.pairs import find_confirming
from sweep.errors import UsageError
from sweep.export.configuration import read_configuration
from sweep.identity import read_identity
from sweep.places import ForeignPlaceError
from sweep.queueing import enqueue_configuration
from sweep.runs import record_stop
from sweep.shared_files import SharedFiles
from sweep.standing import CONFIRMS
from sweep.titles import describe
from sweep.trial_files import TrialFiles


def enqueue(name: str, pairs: list[str], file: Path | None, place: Place) -> None:
    """Check a configuration as a whole, then let it wait."""
    if bool(pairs) == (file is not None):
        raise UsageError("Give the configuration as KEY=VALUE pairs or with --file, one of the two.")
    with reading_store(place) as store:
        study = store.load(name)
        identity = read_identity(study)
    if CONFIRMS in study.user_attrs:
        raise UsageError(f"Study '{name}' only confirms another one. Enqueue it in '{study.user_attrs[CONFIRMS]}'.")
    if identity is None:
        raise UsageError(f"Study '{name}' was not made by sweep.")
    space = identity.search_space
    configuration = _configuration(space, pairs, file)
    excess = excess_of(configuration, identity)
    if excess is not None:
        raise UsageError(f"That network is above the limits of study '{name}': {excess}. Choose a smaller one.")
    with writing_store(place) as store, store.lock(name):
        enqueue_configuration(store.load(name), space, configuration)
    notes.print(f"Waiting in '{name}': {describe(configuration.to_dict())}")


def stop(name: str, place: Place) -> None:
    """Ask the study's workers to give their trials back and leave."""
    with open_studies(place) as studies:
        running = studies.study(name).states()["RUNNING"]  # an unknown name creates nothing
    with writing_store(place) as store:
        record_stop(store.load(name))
    notes.print(f"Asked the workers of '{name}' to stop; {running} running trials will wait again within 10 seconds.")


def delete(name: str, place: Place, *, yes: bool) -> None:
    """Delete a study and its files after asking."""
    with reading_store(place) as store:
        study = store.load(name)
        count = len(study.get_trials(deepcopy=False))
        # The name of another tool's study may be any path.
        files = None if read_identity(study) is None else _files_to_delete(study, store, place)
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError(f"Deleting '{name}' and its {count} trials needs --yes where nobody can be asked.")
        typer.confirm(f"Delete study '{name}' and its {count} trials?", abort=True)
    with writing_store(place) as store, store.lock(name):
        store.delete(name)
        if files is not None:
            files.delete()
        confirming = find_confirming(store, name)
    notes.print(f"Deleted '{name}' and its {count} trials.")
    if files is not None and files.shared is not None:
        _delete_shared(files.shared)
    if confirming is not None:
        too = f"sweep delete {shlex.quote(confirming.study_name)}{where(place)}"
        notes.print(f"'{confirming.study_name}', which confirms it, is still there: {too}", soft_wrap=True)


def _files_to_delete(study: optuna.Study, store: Store, place: Place) -> TrialFiles:
    """A study's files, without those at a place that sweep did not choose: they may be somebody else's."""
    try:
        return files_of(study, store, place)
    except ForeignPlaceError as error:
        notes.print(f"{error} What lies there is left alone.", soft_wrap=True)
        return TrialFiles(place.home, study.study_name, store.location)


def _delete_shared(shared: SharedFiles) -> None:
    """Delete a study's files at its place; what cannot be deleted costs nothing but room, and is said."""
    try:
        shared.delete()
    except PlaceError as error:
        notes.print(f"What lies at {shared} is nobody's now, but could not be removed: {error}", soft_wrap=True)


def _configuration(space: SearchSpace, pairs: list[str], file: Path | None) -> Configuration:
    return space.parse(pairs) if file is None else space.from_dict(read_configuration(file))
