"""MANIFEST.json: the hash of every file of an exported folder, written so that any changed byte is noticed."""

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Final

from sweep.errors import WorldError

MANIFEST: Final = "MANIFEST.json"
SCHEMA_VERSION: Final = 1
_EXPECTED: Final = "Expected a folder that `sweep export STUDY --out DIR` wrote."
WAY_OUT: Final = "Copy the folder again from where it was exported, or export it again with --force."
_LARGEST_BYTES: Final = 10_000_000  # of a manifest: a hundred thousand files


class ManifestError(WorldError):
    """The folder has no manifest that could be checked."""


class Kind(StrEnum):
    """How a file differs from its manifest."""

    CHANGED = "changed"
    MISSING = "missing"
    ADDITIONAL = "additional"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One file that is not as it was exported.

    Attributes:
        file: Its name below the folder, with slashes.
        kind: How it differs.
        detail: What was expected and what came, for people.
    """

    file: str
    kind: Kind
    detail: str

    def __str__(self) -> str:
        return f"{self.file}: {self.kind}, {self.detail}"


def write_manifest(folder: Path) -> None:
    """Write MANIFEST.json over every other file of the folder, replacing an earlier one.

    Raises:
        ManifestError: If the folder holds something else than files and folders, such as a link.
    """
    files, refused = _files(folder)
    if refused:
        raise ManifestError(f"{folder} cannot be a model: {'; '.join(map(str, refused))}.")
    content: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "sweep": metadata.version("sweep"),
        "files": {name: _fingerprint(path) for name, path in files.items() if name != MANIFEST},
    }
    (folder / MANIFEST).write_text(_render(content), encoding="ascii")


def check_manifest(folder: Path, *, only: Collection[str] | None = None) -> list[Problem]:
    """Compare the files of a folder with its manifest; nothing of them is interpreted.

    Args:
        folder: An exported folder.
        only: Names of the files to hash, where not all matter. Additional files then are none of ours.
            Default: None, every file.

    Returns:
        The differences, by name; empty if there are none. Where the manifest itself was changed, that alone.

    Raises:
        ManifestError: If this is not an exported folder.
    """
    listed = _read(folder)
    if isinstance(listed, Problem):
        return [listed]
    found, problems = _files(folder)
    refused = {problem.file for problem in problems}
    wanted = listed if only is None else {name: listed[name] for name in only if name in listed}
    if only is None:
        problems += [
            Problem(file=name, kind=Kind.ADDITIONAL, detail="it is not in the manifest")
            for name in found
            if name not in listed and name != MANIFEST
        ]
    else:
        problems = [problem for problem in problems if problem.file in only]
        problems += [
            Problem(file=name, kind=Kind.MISSING, detail="it is not in the manifest")
            for name in only
            if name not in listed and name not in refused
        ]
    for name, expected in wanted.items():
        if name in refused:
            continue
        if name not in found:
            problems.append(Problem(file=name, kind=Kind.MISSING, detail=f"{expected['bytes']:,} bytes are expected"))
            continue
        detail = _difference(found[name], expected)
        if detail is not None:
            problems.append(Problem(file=name, kind=Kind.CHANGED, detail=detail))
    return sorted(problems, key=lambda problem: problem.file)


def listed_files(folder: Path) -> list[str]:
    """The names in the manifest, sorted; empty where the manifest itself was changed.

    Raises:
        ManifestError: If this is not an exported folder.
    """
    listed = _read(folder)
    return [] if isinstance(listed, Problem) else sorted(listed)


def require_unchanged(folder: Path, *, only: Collection[str] | None = None) -> None:
    """Refuse a folder that is not as it was exported; arguments as for `check_manifest`.

    Raises:
        ManifestError: If it is not, or is no exported folder; the message names every file.
    """
    problems = check_manifest(folder, only=only)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise ManifestError(f"{folder} is not as it was exported:\n{lines}\n{WAY_OUT}")


def _read(folder: Path) -> dict[str, dict[str, Any]] | Problem:
    """What the manifest lists, or what is wrong with the manifest itself."""
    path = folder / MANIFEST
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ManifestError(f"{folder} {what}. {_EXPECTED}")
    if path.is_symlink() or (path.exists() and not path.is_file()):
        return Problem(file=MANIFEST, kind=Kind.REFUSED, detail="it is no file of the folder's own")
    if not path.exists():
        raise ManifestError(f"{folder} is no exported model: it has no {MANIFEST}. {_EXPECTED}")
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            return Problem(file=MANIFEST, kind=Kind.CHANGED, detail=f"it is larger than {_LARGEST_BYTES:,} bytes")
        return _parse(path.read_bytes())
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Problem(file=MANIFEST, kind=Kind.CHANGED, detail="it is not as `sweep export` wrote it")


def _parse(raw: bytes) -> dict[str, dict[str, Any]] | Problem:
    content = json.loads(raw.decode("ascii"))
    content.pop("sha256")
    if _render(content).encode("ascii") != raw:
        raise ValueError("its own hash does not fit")
    if content["schema_version"] != SCHEMA_VERSION:
        raise ManifestError(
            f"{MANIFEST} has schema version {content['schema_version']}; this version of sweep reads {SCHEMA_VERSION}. "
            "Use the version of sweep that exported the folder, or a newer one."
        )
    listed: dict[str, dict[str, Any]] = content["files"]
    for name, expected in listed.items():
        if not _is_plain(name):
            return Problem(file=name, kind=Kind.REFUSED, detail="the manifest names a file outside of the folder")
        if not isinstance(expected["sha256"], str) or type(expected["bytes"]) is not int:
            raise ValueError("an entry has no hash")
    return listed


def _is_plain(name: str) -> bool:
    """Whether a name stays in the folder on every system."""
    pure = PurePosixPath(name)
    return (
        bool(name)
        and not pure.is_absolute()
        and ".." not in pure.parts
        and "." not in name.split("/")
        and str(pure) == name
        and "\\" not in name
        and "\0" not in name
        and name != MANIFEST
    )


def _files(folder: Path) -> tuple[dict[str, Path], list[Problem]]:
    """Every file below a folder by name, sorted; and what is neither file nor folder. No link is followed."""
    files: dict[str, Path] = {}
    refused: list[Problem] = []
    pending = [folder]
    while pending:
        here = pending.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            raise ManifestError(f"{here} cannot be read: {error.strerror}. Check its permissions.") from error
        for entry in entries:
            path = Path(entry.path)
            name = path.relative_to(folder).as_posix()
            if entry.is_symlink():
                refused.append(Problem(file=name, kind=Kind.REFUSED, detail="it is a link"))
            elif entry.is_dir():
                pending.append(path)
            elif entry.is_file():
                files[name] = path
            else:
                refused.append(Problem(file=name, kind=Kind.REFUSED, detail="it is no regular file"))
    return dict(sorted(files.items())), refused


def _fingerprint(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            return {"sha256": digest, "bytes": stream.tell()}
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error


def _difference(path: Path, expected: dict[str, Any]) -> str | None:
    found = _fingerprint(path)
    if found == expected:
        return None
    if found["bytes"] != expected["bytes"]:
        return f"expected {expected['bytes']:,} bytes, found {found['bytes']:,}"
    return f"expected SHA-256 {expected['sha256'][:12]}…, found {found['sha256'][:12]}…"


def _render(content: dict[str, Any]) -> str:
    """The one way in which a manifest of this content is written."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    whole = content | {"sha256": hashlib.sha256(canonical.encode("ascii")).hexdigest()}
    return json.dumps(whole, sort_keys=True, indent=2) + "\n"
