"""One home, two stores: what belongs to one is neither removed, measured nor reported by way of the other."""

import json
from dataclasses import replace

import pytest

from storage import locate, open_store
from storage.engines import without_optuna_warnings
from sweep.cli.changing import delete
from sweep.cli.housekeeping import doctor, gc
from sweep.cli.options import Place
from sweep.cli.progress import status
from sweep.data.source import DataError
from sweep.housekeeping import find_removable
from sweep.identity import ATTRIBUTE
from sweep.trial_files import TrialFiles
from sweep.worker.liveness import WorkerMark, marks_folder
from tests.identities import make_identity

IDENTITY = make_identity(dataset="digits", sampler="random", sampler_settings={}).to_dict()


@pytest.fixture(autouse=True)
def without_data(monkeypatch):
    """No host has Fashion-MNIST, and reading it takes a second."""

    def nowhere(*_, **__):
        raise DataError("not here")

    monkeypatch.setattr("sweep.data.dataset.load_dataset", nowhere)


@pytest.fixture
def home(tmp_path):
    made = tmp_path / "home"
    made.mkdir()
    return made


@pytest.fixture
def own(home):
    """The store that a home has without --storage."""
    return Place(home=home)


@pytest.fixture(params=["another file", "a file in the home", "postgresql"])
def other(request, home, tmp_path):
    """A second store that is used with the same home."""
    urls = {
        "another file": lambda: f"sqlite:///{tmp_path / 'other.db'}",
        "a file in the home": lambda: f"sqlite:///{home / 'other.db'}",
        "postgresql": lambda: request.getfixturevalue("postgres_url"),
    }
    return Place(home=home, storage=urls[request.param]())


@pytest.fixture
def fill():
    """A study in a store with a running trial, a complete one, and the file that each keeps; and these files."""

    def make(place, name="isolated", worker="elsewhere"):
        with open_store(locate(place.storage, place.home), write=True) as store, without_optuna_warnings():
            study = store.create(name, metric="validation accuracy")
            study.set_user_attr(ATTRIBUTE, IDENTITY)
            running = study.ask()
            running.set_user_attr("worker", worker)
            store.record_heartbeat(running)
            study.tell(study.ask(), 0.5)
        files = files_of(place, name)
        return [write(files.checkpoint(0)), write(files.weights(1))]

    return make


def files_of(place, name="isolated"):
    return TrialFiles(place.home, name, locate(place.storage, place.home))


def write(path, size=1000):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    return path


def removed(place, capsys):
    gc(place, dry_run=False, json=True)
    return {row["path"] for row in json.loads(capsys.readouterr().out)["removed"]}


def test_two_studies_of_one_name_share_no_file(own, other, fill):
    assert not set(fill(own)) & set(fill(other))


def test_what_one_store_needs_is_not_removed_by_way_of_the_other(own, other, fill, capsys):
    kept = [*fill(own), *fill(own, "grouped"), *fill(other), *fill(other, "residual")]
    for place in (own, other):
        assert removed(place, capsys) == set()
        doctor(place, fix=True, json=True)
        assert "nothing needs, " not in capsys.readouterr().out
    assert all(path.exists() for path in kept)


def test_each_store_knows_which_of_its_own_studies_are_gone(own, other, fill, capsys):
    fill(own)
    fill(other)
    gone = {place: write(files_of(place, "deleted").weights(0)).parent for place in (own, other)}
    for place in (own, other):
        assert removed(place, capsys) == {str(gone.pop(place))}
        assert all(folder.exists() for folder in gone.values())


def test_a_study_is_deleted_and_measured_with_its_own_files(own, other, fill, capsys):
    mine, theirs = fill(own), fill(other)
    write(files_of(other).weights(1), 500)
    for place, size in ((own, 2000), (other, 1500)):
        status("isolated", place, json=True, follow=False)
        assert json.loads(capsys.readouterr().out)["disk_bytes"] == size
    delete("isolated", other, yes=True)
    assert [path.exists() for path in mine] == [True, True]
    assert [path.exists() for path in theirs] == [False, False]


def test_the_mark_of_a_dead_worker_stays_while_its_own_store_may_need_it(own, other, fill, capsys):
    with WorkerMark(marks_folder(own.home, locate(own.storage, own.home))) as mine:
        pass
    with WorkerMark(marks_folder(other.home, locate(other.storage, other.home))) as theirs:
        pass
    fill(own, worker=mine.name)
    fill(other, worker=theirs.name)
    for place in (own, other):
        assert removed(place, capsys) == set()
    for place in (other, own):
        assert doctor(place, fix=False, json=False) == 1
        assert "1 running trial whose worker is dead: 0" in capsys.readouterr().out


def test_the_mark_of_a_dead_worker_goes_by_way_of_its_own_store(own, other, fill, capsys):
    fill(own)
    fill(other)
    with WorkerMark(marks_folder(other.home, locate(other.storage, other.home))):
        pass
    assert removed(own, capsys) == set()
    assert len(removed(other, capsys)) == 1


def test_the_embedded_store_is_the_same_by_its_url(own, fill):
    kept = fill(own)
    location = locate(f"sqlite:///{own.home / 'sweep.db'}", own.home)
    assert TrialFiles(own.home, "isolated", location).checkpoint(0) == kept[0]
    with open_store(location) as store:
        assert find_removable(store, own.home) == []


def test_a_home_that_moved_keeps_the_files_of_every_store_in_it(home, fill):
    place = Place(home=home, storage=f"sqlite:///{home / 'other.db'}")
    kept = [path.relative_to(home) for path in fill(place)]
    moved = home.rename(home.with_name("moved"))
    files = files_of(replace(place, home=moved, storage=f"sqlite:///{moved / 'other.db'}"))
    assert [files.checkpoint(0).relative_to(moved), files.weights(1).relative_to(moved)] == kept
