"""Find the weights files of frozen backbones before a study is created."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from search_spaces.backbones import BACKBONES, BackboneFacts
from sweep.download import DownloadError, download
from sweep.environment import keras_home
from sweep.errors import WorldError

IMAGENET: Final = "imagenet"
NONE: Final = "none"


class WeightsError(WorldError):
    """Weights files are missing or altered; the message names each, its MD5 and where to put it."""


@dataclass(frozen=True, kw_only=True)
class BackboneWeights:
    """The weights file of one backbone.

    Attributes:
        path: Where it is.
        md5: Of the file, as 32 hexadecimal digits.
        is_imagenet: Whether that is the MD5 that Keras publishes for its ImageNet weights.
    """

    path: Path
    md5: str
    is_imagenet: bool


def find_weights(
    source: str, backbones: Sequence[str], *, keras_dir: Path | None = None, fetch: bool = True
) -> dict[str, BackboneWeights]:
    """Find the weights file of every backbone; with "imagenet", download those that Keras's cache lacks.

    Args:
        source: "imagenet" (Keras's cache, or its download into it; the MD5 must be Keras's), the path of a
            folder with Keras's file names (any MD5 is taken), or "none" (random weights).
        backbones: Names in `BACKBONES`.
        keras_dir: Keras's folder, whose subfolder "models" is its cache; None (default): `keras_home()`.
        fetch: Whether missing files may be downloaded; default True.

    Returns:
        By backbone, in the order given; empty with "none".

    Raises:
        WeightsError: If a file is missing, or altered in Keras's cache: one error for all of them.
    """
    if source == NONE:
        return {}
    facts = {name: BACKBONES[name] for name in backbones}
    if source == IMAGENET:
        return _find_imagenet(facts, (keras_dir or keras_home()) / "models", fetch=fetch)
    return _find_in_folder(facts, Path(source).expanduser())


def _find_imagenet(facts: dict[str, BackboneFacts], cache: Path, *, fetch: bool) -> dict[str, BackboneWeights]:
    found: dict[str, BackboneWeights] = {}
    problems: list[str] = []
    refused = "" if fetch else "downloads are off"
    for name, backbone in facts.items():
        path = cache / backbone.weights_file
        wanted = backbone.weights_md5
        if not path.is_file() and not refused:
            try:
                download(backbone.weights_url, path, check=partial(_complaint, wanted=wanted))
            except DownloadError as error:
                refused = str(error)  # the others stand on the same host: waiting for each says nothing new
        if not path.is_file():
            problems.append(f"  - {path} is missing: MD5 {wanted}, from {backbone.weights_url}\n")
        elif complaint := _complaint(path, wanted):
            problems.append(f"  - {path} is altered: {complaint} Replace it by {backbone.weights_url}\n")
        else:
            found[name] = BackboneWeights(path=path, md5=wanted, is_imagenet=True)
    if problems:
        reason = f"Not downloaded: {refused}\n" if refused else ""
        raise WeightsError(
            f"Weights of the frozen backbones are missing or altered:\n{''.join(problems)}{reason}"
            "Put the files where they are named, or into any folder and pass it as --weights FOLDER. "
            "Without them: --weights none (random backbones)."
        )
    return found


def _find_in_folder(facts: dict[str, BackboneFacts], folder: Path) -> dict[str, BackboneWeights]:
    missing = [backbone for backbone in facts.values() if not (folder / backbone.weights_file).is_file()]
    if missing:
        what = "lacks weights files" if folder.is_dir() else "is no folder"
        files = "".join(
            f"  - {folder / backbone.weights_file}: MD5 {backbone.weights_md5} if it is Keras's, "
            f"from {backbone.weights_url}\n"
            for backbone in missing
        )
        raise WeightsError(
            f"--weights {folder} {what}. Expected 'imagenet', 'none', or a folder with Keras's files. "
            f"Missing:\n{files}Put them there under these names."
        )
    found: dict[str, BackboneWeights] = {}
    for name, backbone in facts.items():
        path = folder / backbone.weights_file
        try:
            md5 = _md5(path)
        except OSError as error:
            raise WeightsError(f"{path} cannot be read: {error.strerror}. Check its permissions.") from error
        found[name] = BackboneWeights(path=path, md5=md5, is_imagenet=md5 == backbone.weights_md5)
    return found


def _complaint(path: Path, wanted: str) -> str | None:
    try:
        md5 = _md5(path)
    except OSError as error:
        return f"It cannot be read ({error.strerror}). Expected MD5 {wanted}."
    return None if md5 == wanted else f"Expected MD5 {wanted}. Received: {md5}, {path.stat().st_size} bytes."


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
