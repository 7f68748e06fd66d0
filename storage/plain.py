"""Optuna's own storage of a store that exists, for tools that know Optuna and not us."""

from datetime import datetime
from typing import Any

import optuna
from optuna.storages import BaseStorage, RDBStorage

from storage.engines import make_reading_storage, make_writing_storage
from storage.errors import StorageError
from storage.location import Location, refuse_unusable_folder
from storage.store import lock_store


class PlainStorage:
    """One store as Optuna's tools take it.

    What reads and what writes are apart: on SQLite the one that writes takes the write lock before it looks, and a
    page that is only looked at must not hold up a running study.

    Args:
        reading: What reads.
        writing: What writes, or None. Default: None.
    """

    def __init__(self, reading: RDBStorage, writing: RDBStorage | None = None) -> None:
        self._reading = reading
        self._writing = writing

    def __enter__(self) -> "PlainStorage":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        for storage in (self._reading, self._writing):
            if storage is not None:
                storage.remove_session()
                storage.engine.dispose()

    def to_read(self) -> BaseStorage:
        """A storage that remembers finished trials: a new one each time, which remembers none yet."""
        return optuna.storages.get_storage(self._reading)

    def to_write(self) -> BaseStorage | None:
        """A storage that may be written, or None where only reading was asked for."""
        return None if self._writing is None else optuna.storages.get_storage(self._writing)

    def study_attributes(self) -> dict[str, dict[str, Any]]:
        """The user attributes of every study, by its name."""
        return {study.study_name: study.user_attrs for study in self._reading.get_all_studies()}

    def first_trial(self, study_id: int) -> tuple[str, int, datetime | None] | None:
        """What tells a study from a later one with its id: name, first trial and when that began.

        SQLite gives the id of a deleted study to the next one; a storage that remembers trials takes them for one.

        Returns:
            None where there is no such study, or it has no trial yet.
        """
        try:
            name = self._reading.get_study_name_from_id(study_id)
            trial_id = self._reading.get_trial_id_from_study_id_trial_number(study_id, 0)
            return name, trial_id, self._reading.get_trial(trial_id).datetime_start
        except KeyError:
            return None


def open_plain_storage(location: Location, *, write: bool = False) -> PlainStorage:
    """Open a store that exists; makes none, and no schema.

    Args:
        location: The store.
        write: Whether it may be written too. Default: False.

    Raises:
        StorageError: If there is no store, or it cannot be opened or reached within ten seconds.
    """
    reading = make_reading_storage(location)
    if reading is None:
        raise StorageError(
            f"There is no store {location} yet. Begin a study (sweep start --family grouped), "
            "or say where the store is (--home, --storage)."
        )
    if not write:
        return PlainStorage(reading)
    try:
        if location.sqlite_path is not None:
            refuse_unusable_folder(location.sqlite_path)
        with lock_store(location, ""):
            return PlainStorage(reading, make_writing_storage(location))
    except BaseException:
        PlainStorage(reading).close()
        raise
