"""Optuna storages that are safe for several processes, on SQLite and on PostgreSQL."""

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import optuna
from optuna.storages import RDBStorage
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from storage.errors import StorageError
from storage.location import Location

HEARTBEAT_SECONDS = 15
GRACE_SECONDS = 120  # a worker silent for so long is given up
CONNECT_SECONDS = 8  # an unreachable server is reported within ten seconds
SERVER_CONNECTION = {"connect_timeout": CONNECT_SECONDS, "application_name": "sweep"}
BUSY_SECONDS = 60  # how long a writer waits for another one on SQLite

OUTAGES = (optuna.exceptions.StorageInternalError, SQLAlchemyError, sqlite3.Error)


@contextmanager
def storage_errors(location: Location) -> Iterator[None]:
    """Turn a database's own exceptions into one StorageError that names the store without its password."""
    try:
        yield
    except OUTAGES as error:
        cause = _root_of(error)
        first_line = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
        for password in location.passwords:
            first_line = first_line.replace(password, "***")
        raise StorageError(
            f"The store {location} cannot be used: {first_line}. "
            "Check --storage (or SWEEP_STORAGE), and that the database is there and allows the connection."
        ) from error
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
    path = location.sqlite_path
    url = location.url
    if path is not None:
        if not path.exists():
            return None
        url = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})
    with storage_errors(location):
        # Asked beforehand: where its tables are missing, Optuna fails and leaves its connections open.
        with make_brief_engine(location, url).connect() as connection:
            if not _has_schema(connection):
                return None
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs=_engine_options(location),
            skip_table_creation=True,
        )


def _has_schema(connection: Connection) -> bool:
    """Whether Optuna's schema is there as a whole: its version is written last."""
    if not inspect(connection).has_table("alembic_version"):
        return False
    return connection.execute(text("SELECT version_num FROM alembic_version")).first() is not None


def _root_of(error: BaseException) -> BaseException:
    """The driver's own exception below SQLAlchemy's and Optuna's."""
    while (below := getattr(error, "orig", None) or error.__cause__) is not None:
        error = below
    return error


def make_brief_engine(location: Location, url: URL | None = None) -> Engine:
    """An engine whose connections are opened for one purpose and closed with it."""
    connect_args = SERVER_CONNECTION if location.sqlite_path is None else {"timeout": BUSY_SECONDS}
    return create_engine(url or location.url, poolclass=NullPool, connect_args=connect_args)


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


@contextmanager
def without_optuna_warnings() -> Iterator[None]:
    """Use heartbeats outside `Study.optimize`, and metric names, without Optuna's warnings: both are meant here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="Heartbeat of storage is supposed to be used")
        yield
