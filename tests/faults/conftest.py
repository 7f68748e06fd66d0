"""What the fault tests share."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_place import BASELINES, STUDY, TERMS, Place


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Callable[..., Place]]:
    """Makes empty folders to run commands in."""
    places: list[Place] = []

    def make(name: str = "place", storage: str | None = None) -> Place:
        folder = tmp_path / name
        folder.mkdir()
        places.append(Place(folder, storage))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture(scope="module")
def new_lasting_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Place]]:
    """Makes empty folders that all tests of a module share."""
    places: list[Place] = []

    def make(name: str) -> Place:
        places.append(Place(tmp_path_factory.mktemp(name)))
        return places[-1]

    yield make
    for place in places:
        place.close()


@pytest.fixture
def place(new_place: Callable[..., Place]) -> Place:
    """One empty folder."""
    return new_place()


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_place(request: pytest.FixtureRequest, new_place: Callable[..., Place]) -> Place:
    """One empty folder, with an empty store of either kind."""
    return new_place(storage=request.getfixturevalue("postgres_url") if request.param == "postgresql" else None)


@pytest.fixture
def chance() -> random.Random:
    """The same moments in every run."""
    return random.Random(43)


@pytest.fixture
def assert_whole() -> Callable[..., None]:
    """Checks that a study ended as if nothing had happened to it."""

    def check(trials: list[dict[str, Any]], wanted: int) -> None:
        states = Counter(trial["state"] for trial in trials)
        assert states["COMPLETE"] + states["PRUNED"] == wanted, states
        assert states["RUNNING"] == 0, states
        complete = [trial for trial in trials if trial["state"] == "COMPLETE"]
        baselines = Counter(trial["baseline"] for trial in complete if trial["baseline"])
        assert baselines == Counter(BASELINES[:wanted])
        retried = Counter(trial["retry_of"] for trial in trials if trial["retry_of"] is not None)
        assert set(retried.values()) <= {1}, "a trial was given back twice"

    return check


@pytest.fixture(scope="session")
def drawn() -> Callable[[list[dict[str, Any]]], dict[int, Any]]:
    """The configurations that were finished, by draw."""

    def of(trials: list[dict[str, Any]]) -> dict[int, Any]:
        return {
            trial["user_attrs"]["draw"]: trial["config"]
            for trial in trials
            if "draw" in trial["user_attrs"] and trial["state"] in ("COMPLETE", "PRUNED")
        }

    return of


@pytest.fixture(scope="session")
def terms() -> tuple[str, ...]:
    """The options of the study."""
    return TERMS


@pytest.fixture(scope="session")
def study() -> str:
    """Its name."""
    return STUDY
