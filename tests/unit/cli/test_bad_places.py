"""Homes, databases and data that cannot be used: exit code 1, one message, nothing left behind."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sweep.data.fashion_mnist import FILES

COMMAND = Path(sys.executable).parent / "sweep"
CREATE = ("create", "--family", "isolated", "--dataset", "digits", "--limit", "40")
UNREACHABLE = "postgresql+psycopg://user:secret@127.0.0.1:1/x"


@pytest.mark.parametrize(
    "command",
    [CREATE, ("start", *CREATE[1:]), ("studies",), ("status", "x"), ("join", "x"), ("delete", "x", "--yes")],
    ids=lambda command: command[0],
)
def test_a_server_that_does_not_answer_is_named_without_its_password(sweep, command):
    outcome = sweep(*command, "--storage", UNREACHABLE)
    assert outcome.code == 1
    assert "127.0.0.1:1" in outcome.err
    assert "--storage" in outcome.err
    assert "secret" not in outcome.out + outcome.err
    assert "Traceback" not in outcome.err


def test_a_password_is_not_shown_in_tracebacks_either(workplace):
    answer = subprocess.run(
        [COMMAND, "studies", "--verbose"],
        env=os.environ | {"SWEEP_STORAGE": UNREACHABLE},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 1
    assert "Traceback" in answer.stderr
    assert "secret" not in answer.stdout + answer.stderr


def test_the_folder_of_a_sqlite_store_is_never_made(sweep, workplace):
    outcome = sweep(*CREATE, "--storage", "sqlite:///missing/sweep.db")
    assert outcome.code == 1
    assert str(workplace / "missing") in outcome.err
    assert not (workplace / "missing").exists()


@pytest.mark.parametrize("command", [CREATE, ("studies",), ("status", "x")], ids=lambda command: command[0])
def test_a_file_that_is_no_database_is_left_alone(sweep, workplace, command):
    file = workplace / "notes.db"
    file.write_text("These are notes, and no database.\n" * 100)
    outcome = sweep(*command, "--storage", f"sqlite:///{file}")
    assert outcome.code == 1
    assert str(file) in outcome.err
    assert "not a database" in outcome.err
    assert "Traceback" not in outcome.err
    assert file.read_text().startswith("These are notes")


def test_a_home_that_cannot_be_made_is_named(sweep, workplace, nothing_changes):
    (workplace / "file").write_text("")
    with nothing_changes():
        outcome = sweep(*CREATE, "--home", "file/home")
    assert outcome.code == 1
    assert "file/home" in outcome.err
    assert "--home" in outcome.err
    assert "Traceback" not in outcome.err


@pytest.fixture
def data_dir(fashion_mnist_cache, workplace) -> Path:
    """A folder of the user's own with Fashion-MNIST's files, to be damaged."""
    return Path(shutil.copytree(fashion_mnist_cache / "fashion-mnist", workplace / "data"))


def test_a_truncated_data_file_is_named_with_the_hash_expected(sweep, data_dir, nothing_changes):
    labels = data_dir / f"{FILES[1].name}.gz"
    labels.write_bytes(labels.read_bytes()[:-1000])
    with nothing_changes():
        outcome = sweep("start", "--family", "isolated", "--data-dir", data_dir, "--timeout", "1s")
    assert outcome.code == 1
    assert str(labels) in outcome.err
    assert FILES[1].sha256 in outcome.err
    assert "Traceback" not in outcome.err


def test_an_altered_data_file_is_named_with_both_hashes(sweep, data_dir, nothing_changes):
    (data_dir / f"{FILES[3].name}.gz").unlink()
    altered = data_dir / FILES[3].name
    altered.write_bytes(bytes(8 + 10_000))
    with nothing_changes():
        outcome = sweep("data", "--data-dir", data_dir)
    assert outcome.code == 1
    assert str(altered) in outcome.err
    assert FILES[3].sha256 in outcome.err
    assert hashlib.sha256(altered.read_bytes()).hexdigest() in outcome.err


def test_a_data_dir_without_the_files_names_them(sweep, workplace, nothing_changes):
    (workplace / "data").mkdir()
    with nothing_changes():
        outcome = sweep("data", "--data-dir", "data")
    assert outcome.code == 1
    assert all(file.name in outcome.err for file in FILES)


IMAGES, LABELS = np.zeros((20, 28, 28), np.uint8), np.arange(20) % 2


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x_train": IMAGES, "y_train": LABELS}, ("x_test", "y_test")),
        (
            {"x_train": IMAGES, "y_train": LABELS[:19], "x_test": IMAGES, "y_test": LABELS},
            ("y_train", "20", "19"),
        ),
    ],
    ids=["arrays missing", "lengths unequal"],
)
def test_an_incomplete_npz_file_is_refused(sweep, workplace, nothing_changes, arrays, said):
    np.savez(workplace / "mine.npz", **arrays)
    with nothing_changes():
        outcome = sweep(*CREATE, "--dataset", "mine.npz")
    assert outcome.code == 1
    assert all(part in outcome.err for part in ("mine.npz", *said))
    assert "Traceback" not in outcome.err


def _save_images(folder: Path, count: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(IMAGES[number]).save(folder / f"{number}.png")


def test_a_folder_with_one_class_is_refused(sweep, workplace, nothing_changes):
    _save_images(workplace / "shop" / "coats", 20)
    with nothing_changes():
        outcome = sweep(*CREATE, "--dataset", "shop")
    assert outcome.code == 1
    assert "coats" in outcome.err
    assert "at least 2" in outcome.err


def test_an_unreadable_image_is_named(sweep, workplace, nothing_changes):
    _save_images(workplace / "shop" / "coats", 20)
    _save_images(workplace / "shop" / "shirts", 20)
    (workplace / "shop" / "shirts" / "7.png").write_bytes(b"no image")
    with nothing_changes():
        outcome = sweep(*CREATE, "--dataset", "shop")
    assert outcome.code == 1
    assert "shirts/7.png" in outcome.err
    assert "Traceback" not in outcome.err
