"""Optuna storages that are safe for several processes, on SQLite and on PostgreSQL."""

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Connection, event

from storage.connecting import (
    BUSY_SECONDS,
    DATABASE_ERRORS,
    SERVER_CONNECTION,
    explain,
    make_brief_engine,
    reading_url,
    schema_version,
)
from storage.errors import StorageError
from storage.location import Location

HEARTBEAT_SECONDS = 15
GRACE_SECONDS = 120  # a worker silent for so long is given up

OUTAGES = (optuna.exceptions.StorageInternalError, *DATABASE_ERRORS)


@contextmanager
def storage_errors(location: Location) -> Iterator[None]:
    """Turn a database's own exceptions into one StorageError that names the store without its password."""
    try:
        yield
    except OUTAGES as error:
        raise explain(location, error) from error
    except RuntimeError as error:
        # Optuna raises it for a schema of another version.
        raise StorageError(f"The store {location} cannot be used: {error}") from error


def make_writing_storage(location: Location) -> RDBStorage:
    """Open a store for a process that writes; makes the schema where there is none.

    The caller holds the store's lock: several processes that make one schema at once crash each other.
    Build it inside each process: the listeners do not survive pickling.

    Raises:
        StorageError: If the store cannot be opened.
    """
    with storage_errors(location), without_optuna_warnings():
        storage = RDBStorage(
            location.url.render_as_string(hide_password=False),
            engine_kwargs=_engine_options(location),
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=GRACE_SECONDS,
        )
        if location.sqlite_path is not None:
            _claim_before_reading(storage)
    return storage


def make_reading_storage(location: Location) -> RDBStorage | None:
    """Open a store that exists for a process that only reads, or return None where there is none.

    Readers never take the write lock and never create the file.

    Raises:
        StorageError: If the store is there but cannot be opened.
    """
    url = reading_url(location)
    if url is None:
        return None
    with storage_errors(location):
        # Asked beforehand: where its tables are missing, Optuna fails and leaves its connections open.
        with make_brief_engine(location, url).connect() as connection:
            if schema_version(connection) is None:
                return None
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs=_engine_options(location),
            skip_table_creation=True,
        )


def _engine_options(location: Location) -> dict[str, object]:
    if location.sqlite_path is not None:
        return {"connect_args": {"timeout": BUSY_SECONDS}}
    return {
        "pool_pre_ping": True,  # Optuna sets it for MySQL only; without it a dropped connection fails a call
        "pool_size": 2,  # 32 workers stay below PostgreSQL's default of 100 connections
        "max_overflow": 1,
        "connect_args": SERVER_CONNECTION,
    }


def _claim_before_reading(storage: RDBStorage) -> None:
    """Make each transaction take SQLite's write lock first: else two workers claim one waiting trial."""
    engine = storage.engine

    @event.listens_for(engine, "connect")
    def _connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    engine.dispose()  # connections made before the listeners do not obey them
    # The first one makes the file use a write-ahead log: two that do so at once are told that it is locked.
    with engine.connect():
        pass


@contextmanager
def without_optuna_warnings() -> Iterator[None]:
    """Use heartbeats outside `Study.optimize`, and metric names, without Optuna's warnings: both are meant here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
        yield
