"""What tells two stores apart that share one home."""

import re

import pytest

from storage import locate

POSTGRES = "postgresql+psycopg://user:secret@db/sweep"


@pytest.fixture
def key(tmp_path):
    """The key of a storage URL in a home."""

    def of(storage, home=tmp_path):
        return locate(storage, home).key_in(home)

    return of


def test_the_store_of_the_home_itself_needs_no_key(key, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert key(None) == key(f"sqlite:///{tmp_path / 'sweep.db'}") == key("sqlite:///sweep.db") == ""


def test_a_home_reached_by_a_link_is_the_same_home(key, tmp_path):
    home, link = tmp_path / "home", tmp_path / "link"
    home.mkdir()
    link.symlink_to(home)
    assert key(None, link) == key(f"sqlite:///{home / 'sweep.db'}", link) == ""
    assert key(f"sqlite:///{home / 'other.db'}", link) == key(f"sqlite:///{link / 'other.db'}", home)


def test_the_database_of_a_home_may_itself_be_a_link(key, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "sweep.db").symlink_to(tmp_path / "elsewhere.db")
    assert key(None, home) == key(f"sqlite:///{tmp_path / 'elsewhere.db'}", home) == ""


@pytest.mark.parametrize("storage", ["sqlite:////other/sweep.db", POSTGRES])
def test_a_key_is_eight_hexadecimal_digits(key, storage):
    assert re.fullmatch("[0-9a-f]{8}", key(storage))


@pytest.mark.parametrize(
    "same",
    [
        "postgresql+psycopg://user:other@db/sweep",
        "postgresql+psycopg://db/sweep",
        "postgres://another@db/sweep",
        "postgresql://user:secret@DB:5432/sweep",
        "postgresql:///sweep?host=db&user=user&password=secret",
        "postgresql://user:secret@db/sweep?connect_timeout=3",
    ],
)
def test_who_connects_and_how_does_not_make_another_store(key, same):
    assert key(same) == key(POSTGRES)


@pytest.mark.parametrize(
    "another",
    [
        "postgresql://user:secret@db/other",
        "postgresql://user:secret@db:5433/sweep",
        "postgresql://user:secret@db2/sweep",
        "postgresql://user:secret@db/sweep?options=-csearch_path%3Dmine",
        "postgresql:///sweep?host=/run/postgresql",
    ],
)
def test_another_server_database_or_schema_is_another_store(key, another):
    assert key(another) != key(POSTGRES)


def test_a_file_in_the_home_is_known_by_its_place_in_it(key, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert key(f"sqlite:///{one / 'a.db'}", one) == key(f"sqlite:///{two / 'a.db'}", two)
    assert key(f"sqlite:///{one / 'a.db'}", one) != key(f"sqlite:///{one / 'b.db'}", one)
    assert key(f"sqlite:///{one / 'a.db'}", two) != key(f"sqlite:///{one / 'a.db'}", one)
