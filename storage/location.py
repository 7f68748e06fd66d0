"""Where a store is: its URL, read and checked before anything is opened."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import psutil
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from storage.errors import LocationError, StorageError

ACCEPTED = "Accepted: sqlite:///PATH (one host) and postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE (many)."
EMBEDDED = "sweep.db"  # the home's own store
POSTGRESQL_PORT = 5432
# SQLite's write-ahead log needs shared memory, which these do not give (https://sqlite.org/wal.html, section 1).
NETWORK_FILE_SYSTEMS = frozenset(
    {"afpfs", "beegfs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "lustre", "nfs", "nfs4", "smb3", "smbfs"}
)


@dataclass(frozen=True, kw_only=True)
class Location:
    """The address of one store.

    Attributes:
        url: SQLAlchemy's URL; `str()` of it hides the password.
    """

    url: URL

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, or None for a server."""
        if self.url.get_backend_name() != "sqlite" or self.url.database is None:
            return None
        return Path(self.url.database)

    @property
    def passwords(self) -> tuple[str, ...]:
        """What must never be shown, wherever in the URL it stands."""
        found = (self.url.password, self.url.query.get("password"))
        return tuple(str(each) for each in found if each)

    def key_in(self, home: Path) -> str:
        """What tells this store from others that are used with the same home; neither user nor password is in it.

        A file inside the home is known by its place there, so that the home can be moved. A server is known by the
        host, port and database of its URL: under another of its names it is another store here.

        Args:
            home: The home.

        Returns:
            Eight hexadecimal digits; empty for the home's own store, `sweep.db` in it.
        """
        path = self.sqlite_path
        if path is not None:
            home, path = home.resolve(), path.resolve()
            if path == (home / EMBEDDED).resolve():
                return ""
            known_by = str(path.relative_to(home)) if path.is_relative_to(home) else str(path)
        else:
            # What stands in the query wins, as with the driver; `options` may choose another schema.
            asked = {"host": self.url.host, "port": self.url.port, "dbname": self.url.database} | dict(self.url.query)
            host, port = str(asked.get("host") or "").lower(), str(asked.get("port") or POSTGRESQL_PORT)
            known_by = repr((host, port, asked["dbname"], asked.get("options")))
        return hashlib.sha256(known_by.encode()).hexdigest()[:8]

    def __str__(self) -> str:
        """The URL for people, its password replaced by ***."""
        hidden = {"password": "***"} if "password" in self.url.query else {}
        return self.url.update_query_dict(hidden).render_as_string(hide_password=True)


def locate(storage: str | None, home: Path) -> Location:
    """Read a storage URL, or take the embedded SQLite file `home/sweep.db`.

    Raises:
        LocationError: If the URL cannot be parsed or names another database than the two supported ones.
            The message never repeats the URL: it may hold a password.
    """
    if storage is None:
        return Location(url=URL.create("sqlite", database=str(home.absolute() / EMBEDDED)))
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        raise LocationError(f"The storage URL cannot be parsed. {ACCEPTED}") from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername == "postgresql+psycopg":
        if not url.database:
            raise LocationError(f"The storage URL names no database. {ACCEPTED}")
        return Location(url=url)
    if url.drivername != "sqlite":
        raise LocationError(f"Storage '{url.drivername}' is not supported. {ACCEPTED}")
    if url.host or not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise LocationError(f"A sweep needs a SQLite file on disk. {ACCEPTED}")
    return Location(url=url.set(database=str(Path(url.database).absolute())))


def refuse_unusable_folder(path: Path) -> None:
    """Refuse a SQLite file whose folder is missing or cannot be shared safely.

    Raises:
        StorageError: If it is so.
    """
    if not path.parent.is_dir():
        raise StorageError(f"The folder {path.parent} of the SQLite store does not exist. Create it first.")
    refuse_network_file_system(path)


def refuse_network_file_system(path: Path) -> None:
    """Refuse a SQLite file on a network file system, where several writers corrupt it.

    Raises:
        StorageError: If the mount that holds `path` is one of NETWORK_FILE_SYSTEMS.
    """
    kind = _file_system(path)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StorageError(
            f"{path} lies on a network file system ({kind}), where SQLite loses data. "
            "Choose a --home on a local disk, or give a PostgreSQL --storage."
        )


def _file_system(path: Path) -> str:
    resolved = path.resolve()
    mounts = {Path(mount.mountpoint): mount.fstype for mount in psutil.disk_partitions(all=True)}
    holding = [mount for mount in mounts if resolved.is_relative_to(mount)]
    return mounts[max(holding, key=lambda mount: len(mount.parts))] if holding else ""
