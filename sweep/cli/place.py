"""Where commands read and write: the open store of `--home` and `--storage`, and the places of its studies."""

import os
import shlex
from pathlib import Path

import optuna

from storage import Location, Store, locate, open_store
from storage.address import Address, parse_address
from storage.objects import Objects
from sweep.cli.options import Place
from sweep.cli.streams import notes
from sweep.errors import WorldError
from sweep.places import place_of, refuse_another_place, settle_place
from sweep.trial_files import TrialFiles

optuna.logging.set_verbosity(optuna.logging.WARNING)  # what it tells, our own output tells


def location(place: Place) -> Location:
    """The store that the options name."""
    return locate(place.storage, place.home)


def where(place: Place) -> str:
    """What leads a printed command to the same home and store, put behind it; a password is never in it.

    Returns:
        The options, quoted for a shell, after a space; empty where they are the defaults.
    """
    options = [] if place.home == Place().home else ["--home", str(place.home)]
    options += [] if place.storage is None else ["--storage", str(location(place))]
    return f" {shlex.join(options)}" if options else ""


def reading_store(place: Place) -> Store:
    """Open the store for reading; creates nothing."""
    return open_store(location(place))


def writing_store(place: Place) -> Store:
    """Open the store for writing, and make the home where it is the embedded one.

    Raises:
        WorldError: If the home cannot be made or written.
    """
    make_home(place.home)
    return open_store(location(place), write=True)


def make_home(home: Path) -> None:
    """Make the folder for everything a sweep keeps.

    Raises:
        WorldError: If it cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorldError(f"The home {home} cannot be made: {error.strerror}. Choose another --home.") from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise WorldError(f"The home {home} cannot be written. Choose another --home, or change its permissions.")


def given_address(place: Place) -> Address | None:
    """What `--artifacts` names, or None without it."""
    return None if place.artifacts is None else parse_address(place.artifacts)


def files_of(study: optuna.Study, store: Store, place: Place) -> TrialFiles:
    """A study's files in the home and at its place, which need not be given.

    Raises:
        UsageError: If another place was given.
    """
    refuse_another_place(study, given_address(place))
    return TrialFiles.of(place.home, study, store.location)


def check_place(study: optuna.Study | None, place: Place) -> None:
    """See that a study's files can be kept where they are to be, before anything is trained.

    Args:
        study: The study, or None where it does not exist yet.
        place: What was given goes before what the study has recorded.

    Raises:
        PlaceError: If they cannot; that is known within ten seconds.
    """
    address = given_address(place)
    if address is None and study is not None and (recorded := place_of(study)) is not None:
        address = recorded.parent
    if address is not None:
        Objects(address, brief=True).check()


def take_place(study: optuna.Study, store: Store, place: Place) -> None:
    """Go on with a study where its files are kept; one without a place gets the one that was given.

    Raises:
        UsageError: If another place was given.
        PlaceError: If its files cannot be kept there.
    """
    given = given_address(place)
    refuse_another_place(study, given)
    check_place(study, place)
    with store.lock(study.study_name):
        changes = settle_place(study, given)
    for change in changes:
        notes.print(f"Changed {change}", soft_wrap=True)


def tell_place(study: optuna.Study) -> None:
    """Say where a study's files are kept, if not in homes alone."""
    address = place_of(study)
    if address is not None:
        notes.print(f"Checkpoints, weights and artifacts are copied to {address}.", soft_wrap=True)
