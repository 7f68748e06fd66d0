"""The command's entry called in this process, and studies to look at without training."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest

from search_spaces import find_space
from storage import locate, open_store
from storage.engines import without_optuna_warnings
from sweep.cli.main import run

STUDY = "isolated-quick"
TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")

Sweep = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """What a command came to: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, without settings from outside."""
    for variable in [name for name in os.environ if name.startswith("SWEEP_")]:
        monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sweep(workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sweep:
    """Run a command of `sweep` in the workplace: the console script's own function, without a new process."""

    def call(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["sweep", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            run()
        printed = capsys.readouterr()
        code = left.value.code
        return Outcome(code if isinstance(code, int) else 0, printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def created_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one study of ten waiting experiments; to be copied, not changed."""
    home = tmp_path_factory.mktemp("created") / "sweep-data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sweep", "create", *TINY, "--home", str(home)])
        with pytest.raises(SystemExit) as left:
            run()
    assert left.value.code == 0
    return home


@pytest.fixture
def created(created_home: Path, workplace: Path) -> Path:
    """The home `sweep-data` in the workplace, with one study of ten waiting experiments."""
    return Path(shutil.copytree(created_home, workplace / "sweep-data"))


@pytest.fixture
def one_complete(created: Path) -> Path:
    """The same after the first experiment was trained."""
    # Closed at once: SQLite writes its log into the file when the last connection goes.
    with open_store(locate(None, created), write=True) as store:
        complete_one(store.load(STUDY))
    return created


def complete_one(study: optuna.Study) -> None:
    """Have the first waiting trial of a study of `isolated` be complete, without training it."""
    with without_optuna_warnings():
        trial = study.ask()
    configuration = find_space("isolated").suggest(trial)
    for name, value in {
        "config": configuration.to_dict(),
        "val_accuracy": 0.5,
        "best_epoch": 1,
        "history": {"epoch": [1], "val_accuracy": [0.5]},
    }.items():
        trial.set_user_attr(name, value)
    study.tell(trial, 0.5)


@pytest.fixture
def nothing_changes(workplace: Path) -> Callable[[], AbstractContextManager[None]]:
    """Within it, no file or folder of the workplace may come, go or change."""

    @contextmanager
    def watch() -> Iterator[None]:
        before = _tree(workplace)
        yield
        assert _tree(workplace) == before

    return watch


def _tree(folder: Path) -> dict[str, bytes | None]:
    """Every file with its content, every folder with None; what SQLite and locks leave beside a store is left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith((".lock", "-wal", "-shm"))
    }
