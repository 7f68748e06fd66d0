"""An open store: its studies by name, and the lock of each."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from storage.connecting import make_brief_engine
from storage.engines import (
    make_reading_storage,
    make_writing_storage,
    storage_errors,
    without_optuna_warnings,
)
from storage.errors import StorageError, UnknownStudyError
from storage.glance import Glance, take_glance
from storage.location import Location, refuse_unusable_folder
from storage.locks import advisory_lock, file_lock
from storage.trial_cache import TrialCache


class Store:
    """Studies in one place.

    Args:
        location: Where they are.
        storage: Optuna's storage, or None where nothing was stored yet.
    """

    def __init__(self, location: Location, storage: RDBStorage | None) -> None:
        self.location = location
        self._rdb = storage
        self._storage = None if storage is None else TrialCache(storage)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        if self._rdb is not None:
            self._rdb.remove_session()
            self._rdb.engine.dispose()

    def study_names(self) -> list[str]:
        """The names of all studies, in the order of their creation."""
        if self._storage is None:
            return []
        with storage_errors(self.location):
            return list(optuna.get_all_study_names(self._storage))

    def load(self, name: str) -> optuna.Study:
        """Load a study.

        Raises:
            UnknownStudyError: If the store does not hold it; the message names the nearest one.
        """
        if self._storage is None:
            raise UnknownStudyError(name, [])
        with storage_errors(self.location):
            try:
                return optuna.load_study(study_name=name, storage=self._storage)
            except KeyError:
                raise UnknownStudyError(name, self.study_names()) from None

    def find(self, name: str) -> optuna.Study | None:
        """The study of that name, or None if the store does not hold it."""
        try:
            return self.load(name)
        except UnknownStudyError:
            return None

    def create(self, name: str, *, metric: str) -> optuna.Study:
        """Create a study, whose metric is to be maximised, that does not exist yet. The caller holds its lock."""
        if self._storage is None:
            raise StorageError(f"The store {self.location} was opened for reading only.")
        with storage_errors(self.location), without_optuna_warnings():
            study = optuna.create_study(study_name=name, storage=self._storage, direction="maximize")
            study.set_metric_names([metric])
            return study

    def delete(self, name: str) -> None:
        """Delete a study and all its trials.

        Raises:
            UnknownStudyError: If the store does not hold it.
        """
        if self._storage is None:
            raise UnknownStudyError(name, [])
        with storage_errors(self.location):
            try:
                optuna.delete_study(study_name=name, storage=self._storage)
            except KeyError:
                raise UnknownStudyError(name, self.study_names()) from None

    def take_waiting(self, study: optuna.Study, *, by: Callable[[FrozenTrial], int]) -> optuna.Trial | None:
        """Set a waiting trial running; `Study.ask` would take the one with the lowest number.

        Args:
            study: The study.
            by: The lowest is taken, of equal ones the lowest number.

        Returns:
            The trial; None if none waits.
        """
        waiting = study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        for trial in sorted(waiting, key=by):
            with suppress(UpdateFinishedTrialError):  # another tool was faster, and ended it
                if study._storage.set_trial_state_values(trial._trial_id, state=TrialState.RUNNING):
                    return optuna.Trial(study, trial._trial_id)
        return None

    def begin_trial(self, study: optuna.Study) -> optuna.Trial:
        """Make a running trial without parameters.

        `Study.ask` reads all unfinished trials first, to see whether one waits; who knows that none does is served by
        this in a fraction of the time.
        """
        return optuna.Trial(study, study._storage.create_new_trial(study._study_id))

    def glance(self, study: optuna.Study, *, since: int) -> Glance:
        """The states of all trials, and of those that have not finished a little more; see `storage.glance`.

        Args:
            study: The study, opened to be written.
            since: The first number of the trials that are new.
        """
        with storage_errors(self.location), self._writing().engine.connect() as connection:
            return take_glance(connection, study._study_id, since=since)

    def read_trials(self, study: optuna.Study) -> list[FrozenTrial]:
        """All trials by number, of those that run what does not change; see `storage.trial_cache`."""
        if self._storage is None:
            return []
        with storage_errors(self.location):
            return self._storage.read_trials(study._study_id)

    def record_heartbeat(self, trial: optuna.Trial) -> None:
        """Say that the worker of a running trial is alive."""
        if self._rdb is not None:
            self._rdb.record_heartbeat(trial._trial_id)

    def running_trials(self, study: optuna.Study) -> list[optuna.Trial]:
        """Trials that some worker claimed, and that did not end."""
        running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        return [optuna.Trial(study, trial._trial_id) for trial in running]

    def stale_trials(self, study: optuna.Study) -> list[optuna.Trial]:
        """Running trials whose worker has been silent for longer than the grace period.

        `optuna.storages.fail_stale_trials` would fail them before anything can be written into them:
        a finished trial is frozen.
        """
        if self._rdb is None:
            return []
        silent = self._rdb._get_stale_trial_ids(study._study_id)
        return [optuna.Trial(study, trial_id) for trial_id in sorted(silent)]

    def now(self) -> float:
        """Seconds since the epoch by the store's own clock: those of the hosts may be apart."""
        if self._rdb is None:
            return time.time()
        sqlite = self.location.sqlite_path is not None
        asked = "SELECT (julianday('now') - 2440587.5) * 86400.0" if sqlite else "SELECT extract(epoch FROM now())"
        with storage_errors(self.location), self._rdb.engine.connect() as connection:
            return float(connection.execute(text(asked)).scalar_one())

    def _writing(self) -> RDBStorage:
        if self._rdb is None:
            raise StorageError(f"The store {self.location} was opened for reading only.")
        return self._rdb

    def lock(self, study_name: str) -> AbstractContextManager[None]:
        """The lock of one study, for every process and host that shares this store."""
        return lock_store(self.location, study_name)


def open_store(location: Location, *, write: bool = False) -> Store:
    """Open a store; a writer makes its schema where there is none, a reader creates nothing.

    Args:
        location: The store.
        write: Whether this process writes. Default: False.

    Raises:
        StorageError: If the store cannot be opened or reached within ten seconds.
    """
    if not write:
        return Store(location, make_reading_storage(location))
    if location.sqlite_path is not None:  # before the lock, which is a file in the same folder
        refuse_unusable_folder(location.sqlite_path)
    with lock_store(location, ""):  # one initialiser makes the schema, the others wait and load
        return Store(location, make_writing_storage(location))


@contextmanager
def lock_store(location: Location, name: str) -> Iterator[None]:
    """Hold the lock `name` of a store: a file beside SQLite, an advisory lock on PostgreSQL."""
    with ExitStack() as held:
        path = location.sqlite_path
        if path is not None:
            try:
                held.enter_context(file_lock(_lock_path(path, name)))
            except OSError as error:
                raise StorageError(f"The folder {path.parent} cannot be written: {error.strerror}.") from error
        else:
            with storage_errors(location):
                held.enter_context(advisory_lock(make_brief_engine(location), name))
        yield


def _lock_path(database: Path, name: str) -> Path:
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return database.with_name(f"{database.name}.{readable}.lock" if name else f"{database.name}.lock")
