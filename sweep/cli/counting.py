"""Studies to be counted: by the database where it can, else by Optuna, which loads every trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from storage import locate
from storage.counting import open_counts
from storage.tally import CountedStudy
from sweep.cli.options import Place
from sweep.counted import LoadedStudy

if TYPE_CHECKING:
    from storage import Store


class CountedStudies(Protocol):
    """The studies of one store."""

    def study_names(self) -> list[str]:
        """The names of all studies, in the order of their creation."""

    def study(self, name: str) -> CountedStudy:
        """A study to be counted.

        Raises:
            UnknownStudyError: If the store does not hold it; the message names the nearest one.
        """


class LoadedStudies:
    """The studies of a store whose schema only Optuna knows: right, but slow; a `CountedStudies`.

    Args:
        store: The store.
    """

    def __init__(self, store: "Store") -> None:
        self._store = store

    def study_names(self) -> list[str]:
        """The names of all studies, in the order of their creation."""
        return self._store.study_names()

    def study(self, name: str) -> CountedStudy:
        """A study to be counted."""
        return LoadedStudy(self._store.load(name))


@contextmanager
def open_studies(place: Place) -> Iterator[CountedStudies]:
    """Open the store that the options name, to count in it; creates nothing.

    Raises:
        StorageError: If it cannot be opened or reached within ten seconds.
    """
    with open_counts(locate(place.storage, place.home)) as counts:
        if counts is not None:
            yield counts
            return
    from sweep.cli.place import reading_store  # Optuna

    with reading_store(place) as store:
        yield LoadedStudies(store)
