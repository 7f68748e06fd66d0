"""A folder comes into being as a whole, or not at all."""

from pathlib import Path

import pytest

from sweep.errors import UsageError, WorldError
from sweep.export.folder import draft_of, put_into_place, refuse_target
from sweep.model.manifest import MANIFEST


@pytest.fixture
def model(tmp_path):
    """An exported model that stands there."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / MANIFEST).write_text("old")
    return folder


def export(target, *, force):
    with draft_of(target) as draft:
        (draft / MANIFEST).write_text("new")
        put_into_place(draft, target, force=force)


def test_a_new_folder_gets_its_name_and_leaves_no_draft(tmp_path):
    export(tmp_path / "model", force=False)
    assert (tmp_path / "model" / MANIFEST).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_an_existing_model_is_replaced_by_force_alone(tmp_path, model):
    with pytest.raises(UsageError, match=r"exists.*--force"):
        export(model, force=False)
    assert (model / MANIFEST).read_text() == "old"
    export(model, force=True)
    assert (model / MANIFEST).read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_is_interrupted_leaves_everything_as_it_was(tmp_path, model):
    def export_half():
        with draft_of(model) as draft:
            (draft / "half").write_text("done")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_half()
    assert (model / MANIFEST).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_draft_that_cannot_be_renamed_brings_the_old_folder_back(tmp_path, model):
    with pytest.raises(WorldError, match="cannot be given its name"):
        put_into_place(tmp_path / "missing", model, force=True)
    assert (model / MANIFEST).read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_force_replaces_nothing_but_exported_models(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    (tmp_path / "file").write_text("mine")
    for name in ("mine", "file"):
        with pytest.raises(UsageError, match="no exported model"):
            refuse_target(tmp_path / name, force=True)
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(UsageError, match="is a link"):
        refuse_target(tmp_path / "link", force=True)


def test_no_folder_that_others_stand_in_is_replaced(tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    for folder in (tmp_path, here):
        (folder / MANIFEST).write_text("{}")
    monkeypatch.chdir(here)
    for target in (Path(), Path(".."), Path("/"), Path.home(), here, tmp_path):
        with pytest.raises(UsageError, match="others stand in"):
            refuse_target(target, force=True)


def test_a_folder_around_it_that_is_not_there_is_named(tmp_path):
    with pytest.raises(WorldError, match="nowhere does not exist"):
        refuse_target(tmp_path / "nowhere" / "model", force=False)
