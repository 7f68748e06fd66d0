"""Connections to a store without Optuna, which takes long to import: what only reads a few rows needs no more."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from storage.errors import StorageError
from storage.location import Location

CONNECT_SECONDS = 8  # an unreachable server is reported within ten seconds
# A database that vanishes without a word is noticed within a minute, not after the quarter of an hour for which Linux
# repeats what was not answered: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
VANISHED = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
SERVER_CONNECTION = {"connect_timeout": CONNECT_SECONDS, "application_name": "sweep"} | VANISHED
BUSY_SECONDS = 60  # how long a writer waits for another one on SQLite

INSUFFICIENT_PRIVILEGE = "42501"  # https://www.postgresql.org/docs/current/errcodes-appendix.html

DATABASE_ERRORS = (SQLAlchemyError, sqlite3.Error)


def make_brief_engine(location: Location, url: URL | None = None) -> Engine:
    """An engine whose connections are opened for one purpose and closed with it."""
    connect_args = SERVER_CONNECTION if location.sqlite_path is None else {"timeout": BUSY_SECONDS}
    return create_engine(url or location.url, poolclass=NullPool, connect_args=connect_args)


def reading_url(location: Location) -> URL | None:
    """The URL under which a store is read and never made or written; None where there is no file."""
    path = location.sqlite_path
    if path is None:
        return location.url
    if not path.exists():
        return None
    return URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "ro", "uri": "true"})


def schema_version(connection: Connection) -> str | None:
    """The version of Optuna's schema, or None where it is not there as a whole: its version is written last."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return version


@contextmanager
def database_errors(location: Location) -> Iterator[None]:
    """Turn a database's own exceptions into one StorageError."""
    try:
        yield
    except DATABASE_ERRORS as error:
        raise explain(location, error) from error


def explain(location: Location, error: BaseException) -> StorageError:
    """A database's exception as a StorageError that names the store without its password."""
    cause = root_of(error)
    first_line = next(iter(str(cause).strip().splitlines()), type(cause).__name__)
    for password in location.passwords:
        first_line = first_line.replace(password, "***")
    return StorageError(
        f"The store {location} cannot be used: {first_line}. "
        "Check --storage (or SWEEP_STORAGE), and that the database is there and allows the connection."
    )


def refuses_role(error: BaseException) -> bool:
    """Whether the database does not let its user do what was asked."""
    return getattr(root_of(error), "sqlstate", None) == INSUFFICIENT_PRIVILEGE


def root_of(error: BaseException) -> BaseException:
    """The driver's own exception below SQLAlchemy's and Optuna's."""
    while (below := getattr(error, "orig", None) or error.__cause__) is not None:
        error = below
    return error
