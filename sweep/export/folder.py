"""A folder that is there whole or not at all: checked beforehand, made as a draft, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sweep.errors import UsageError, WorldError
from sweep.model.manifest import MANIFEST


def refuse_target(target: Path, *, force: bool) -> None:
    """Refuse a place where no folder can be put, or where one would be lost.

    Args:
        target: Where the folder will be.
        force: Whether an exported model there may be replaced.

    Raises:
        UsageError: If something is there that may not be replaced.
        WorldError: If the folder around it is missing or cannot be written.
    """
    place = target.expanduser().absolute()
    whole = place.resolve()
    if any(whole == kept or whole in kept.parents for kept in (Path.cwd().resolve(), Path.home().resolve())):
        raise UsageError(f"--out {target} is a folder that others stand in. Name a new one, as --out model.")
    if place.is_symlink():
        raise UsageError(f"{target} is a link. Name the folder that it leads to, or another --out.")
    if place.exists():
        if not force:
            raise UsageError(f"{target} exists. Choose another --out, or replace it with --force.")
        if not place.is_dir() or not (place / MANIFEST).is_file():
            what = "a folder without" if place.is_dir() else "a file, not a folder with"
            raise UsageError(
                f"{target} is {what} {MANIFEST}: no exported model, and --force replaces nothing else. "
                "Choose another --out."
            )
    if not place.parent.is_dir():
        raise WorldError(f"The folder {place.parent} does not exist. Make it first, or choose another --out.")
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise WorldError(f"The folder {place.parent} cannot be written. Choose another --out.")


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """A new empty folder beside the target, which is gone afterwards unless it was put into place."""
    place = target.expanduser().absolute()
    draft = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        shutil.rmtree(draft, ignore_errors=True)  # of a process of this number that was killed
        try:
            draft.mkdir()
        except OSError as error:
            raise WorldError(f"{draft} cannot be made: {error.strerror}. Choose another --out.") from error
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def put_into_place(draft: Path, target: Path, *, force: bool) -> None:
    """Give a finished draft its name; what stood there is put back if that fails.

    Args:
        draft: A folder beside the target.
        target: Its name.
        force: Whether an exported model there is replaced.

    Raises:
        UsageError: If something is there now that may not be replaced.
        WorldError: If it cannot be renamed; all is as it was then.
    """
    refuse_target(target, force=force)
    place = target.expanduser().absolute()
    aside = draft.with_name(f"{draft.name}.old")
    try:
        if not place.exists():
            draft.rename(place)
            return
        place.rename(aside)
        try:
            draft.rename(place)
        except BaseException:
            with suppress(OSError):
                aside.rename(place)
            raise
    except OSError as error:
        raise WorldError(f"{target} cannot be given its name: {error.strerror}. Choose another --out.") from error
    shutil.rmtree(aside, ignore_errors=True)
