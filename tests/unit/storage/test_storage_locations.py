import pytest

from storage import LocationError, StorageError, locate
from storage.location import NETWORK_FILE_SYSTEMS, refuse_network_file_system, refuse_unusable_folder


@pytest.fixture
def mounts(monkeypatch):
    """Pretend that folders are mounts of some kind of file system."""

    class Mount:
        def __init__(self, mountpoint, fstype):
            self.mountpoint, self.fstype = str(mountpoint), fstype

    def pretend(kinds):
        mounted = [Mount(folder, kind) for folder, kind in kinds.items()]
        monkeypatch.setattr("psutil.disk_partitions", lambda all: mounted)  # noqa: A006 - psutil's name

    return pretend


def test_without_a_url_the_store_is_a_file_at_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate(None, tmp_path / "home").sqlite_path == tmp_path / "home" / "sweep.db"
    assert locate(None, tmp_path.relative_to(tmp_path)).sqlite_path == tmp_path / "sweep.db"


def test_a_relative_sqlite_url_is_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert locate("sqlite:///data/studies.db", tmp_path).sqlite_path == tmp_path / "data" / "studies.db"


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_gets_the_installed_driver(scheme, tmp_path):
    location = locate(f"{scheme}://user:secret@host:5433/studies", tmp_path)
    assert location.url.drivername == "postgresql+psycopg"
    assert location.sqlite_path is None


def test_a_location_hides_its_password_from_people(tmp_path):
    location = locate("postgresql://user:secret@host/studies", tmp_path)
    assert str(location) == "postgresql+psycopg://user:***@host/studies"
    assert "secret" not in repr(location)
    assert location.url.password == "secret"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "cannot be parsed"),
        ("nonsense", "cannot be parsed"),
        ("postgresql://user:secret@host:port/db", "cannot be parsed"),
        ("postgresql://user:secret@host", "names no database"),
        ("postgresql://user:secret@host/", "names no database"),
        ("mysql://user:secret@host/db", "Storage 'mysql' is not supported"),
        ("postgresql+psycopg2://user:secret@host/db", "Storage 'postgresql[+]psycopg2' is not supported"),
        ("sqlite+aiosqlite:///sweep.db", "Storage 'sqlite[+]aiosqlite' is not supported"),
        ("sqlite://", "a SQLite file on disk"),
        ("sqlite:///:memory:", "a SQLite file on disk"),
        ("sqlite:///file:sweep?mode=memory&uri=true", "a SQLite file on disk"),
        ("sqlite://data/sweep.db", "a SQLite file on disk"),  # two slashes: "data" would be dropped as a host
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_those_that_can(url, message, tmp_path):
    with pytest.raises(LocationError, match=message) as refused:
        locate(url, tmp_path)
    assert "Accepted: sqlite:///PATH" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("kind", sorted(NETWORK_FILE_SYSTEMS))
def test_a_network_file_system_is_refused(kind, mounts, tmp_path):
    mounts({"/": "ext4", tmp_path: kind})
    with pytest.raises(StorageError, match=rf"network file system \({kind}\).*Choose a --home on a local disk"):
        refuse_network_file_system(tmp_path / "home" / "sweep.db")


def test_the_innermost_mount_decides(mounts, tmp_path):
    mounts({"/": "nfs", tmp_path: "ext4", tmp_path / "elsewhere": "nfs4"})
    refuse_network_file_system(tmp_path / "sweep.db")


def test_a_folder_that_only_begins_like_a_mount_is_not_on_it(mounts, tmp_path):
    mounts({"/": "ext4", tmp_path / "data": "nfs"})
    refuse_network_file_system(tmp_path / "data2" / "sweep.db")


def test_a_link_into_a_network_file_system_is_refused(mounts, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "far")
    mounts({"/": "ext4", tmp_path.resolve() / "far": "nfs"})
    with pytest.raises(StorageError, match="network file system"):
        refuse_network_file_system(tmp_path / "home" / "sweep.db")


def test_a_missing_folder_is_named_and_not_made(tmp_path):
    with pytest.raises(StorageError, match=r"missing of the SQLite store does not exist\. Create it first"):
        refuse_unusable_folder(tmp_path / "missing" / "sweep.db")
    assert list(tmp_path.iterdir()) == []
