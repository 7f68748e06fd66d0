import socket
import sqlite3

import pytest
from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import OperationalError

from storage import StorageError, UnknownStudyError, locate, open_store
from storage.connecting import SERVER_CONNECTION
from storage.engines import storage_errors

READING_OR_WRITING = pytest.mark.parametrize("write", [False, True], ids=["reading", "writing"])


@pytest.mark.timeout(10)
@READING_OR_WRITING
def test_an_unreachable_server_is_reported_without_its_password(write, tmp_path):
    location = locate("postgresql://user:secret@127.0.0.1:1/studies", tmp_path)
    with pytest.raises(StorageError, match=r"user:\*\*\*@127\.0\.0\.1:1/studies.*Check --storage") as failed:
        open_store(location, write=write)
    assert "secret" not in str(failed.value)


@pytest.mark.timeout(10)
@READING_OR_WRITING
def test_a_server_that_says_nothing_is_given_up(write, tmp_path, monkeypatch):
    assert SERVER_CONNECTION["connect_timeout"] < 10
    monkeypatch.setitem(SERVER_CONNECTION, "connect_timeout", 2)  # seconds; the driver takes no fewer
    with socket.create_server(("127.0.0.1", 0)) as silent:
        location = locate(f"postgresql://user:secret@127.0.0.1:{silent.getsockname()[1]}/studies", tmp_path)
        with pytest.raises(StorageError, match="timeout"):
            open_store(location, write=write)


@pytest.mark.parametrize(
    "error",
    [
        sqlite3.OperationalError("no secret\nsecond line"),
        OperationalError("SELECT 1", {}, sqlite3.OperationalError("no secret")),
        StorageInternalError("no secret"),
    ],
)
def test_a_database_s_own_error_becomes_one_line_without_the_password(error, tmp_path):
    location = locate("postgresql://user:secret@host/studies", tmp_path)
    with (
        pytest.raises(StorageError, match=r"cannot be used: no \*\*\*\. Check --storage") as failed,
        storage_errors(location),
    ):
        raise error
    assert failed.value.__cause__ is error


def test_an_error_without_words_is_named(tmp_path):
    with pytest.raises(StorageError, match="cannot be used: DatabaseError"), storage_errors(locate(None, tmp_path)):
        raise sqlite3.DatabaseError


def test_a_schema_of_another_version_is_a_storage_error(tmp_path):
    with open_store(locate(None, tmp_path), write=True):
        pass
    with sqlite3.connect(tmp_path / "sweep.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    connection.close()
    with pytest.raises(StorageError, match=r"sweep\.db cannot be used: .*version"):
        open_store(locate(None, tmp_path))


@READING_OR_WRITING
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(write, tmp_path):
    (tmp_path / "sweep.db").write_text("something else " * 100)
    with pytest.raises(StorageError, match="file is not a database"):
        open_store(locate(None, tmp_path), write=write)
    assert (tmp_path / "sweep.db").read_text() == "something else " * 100


def test_a_store_in_a_missing_folder_is_refused_and_nothing_is_made(tmp_path):
    with pytest.raises(StorageError, match=r"does not exist\. Create it first"):
        open_store(locate(None, tmp_path / "missing"), write=True)
    assert list(tmp_path.iterdir()) == []


def test_a_store_on_a_network_file_system_is_refused_before_its_lock_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("storage.location._file_system", lambda path: "nfs")
    with pytest.raises(StorageError, match="network file system"):
        open_store(locate(None, tmp_path), write=True)
    assert list(tmp_path.iterdir()) == []


def test_a_name_like_no_other_is_answered_with_the_known_ones():
    assert str(UnknownStudyError("mnist", ["isolated", "all"])) == (
        "No study named 'mnist'. Known studies: isolated, all."
    )
