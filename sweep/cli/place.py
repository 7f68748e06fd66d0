"""Where commands read and write: the open store of `--home` and `--storage`."""

import os
from pathlib import Path

import optuna

from storage import Location, Store, locate, open_store
from sweep.cli.options import Place
from sweep.errors import WorldError

optuna.logging.set_verbosity(optuna.logging.WARNING)  # what it tells, our own output tells


def location(place: Place) -> Location:
    """The store that the options name."""
    return locate(place.storage, place.home)


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
