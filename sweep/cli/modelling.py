"""The commands that know only an exported folder: predict and verify."""

import json as documents
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from sweep.cli.options import Place
from sweep.cli.streams import notes, out
from sweep.errors import UsageError, WorldError
from sweep.model.manifest import WAY_OUT, check_manifest, listed_files, require_unchanged
from sweep.model.predict import SUFFIXES, Classifier, FolderError, ImageError, answer_files, find_images, quiet

USED = ("config.json", "labels.json", "model.keras")  # what `predict` reads of a folder


def predict(folder: Path, images: Sequence[Path], *, json: bool) -> int:
    """Answer images; those that cannot be answered are named, and the others answered.

    Returns:
        The exit code: 1 if an image could not be answered.
    """
    paths = find_images(images)
    if not paths:
        named = ", ".join(map(str, images))
        raise UsageError(f"No image in {named}. Expected files that end in {', '.join(SUFFIXES)}.")
    require_unchanged(folder, only=USED)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before Keras is imported
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    answers: list[dict[str, Any]] = []
    refused: list[ImageError] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # remarks about odd metadata, which is not used
        try:
            with quiet():
                classifier = Classifier(folder)
        except FolderError as error:
            raise WorldError(f"{error}\n`sweep verify {folder}` says what is wrong with it.") from error
        for answered, others in answer_files(classifier, paths):
            answers += answered
            refused += others
    if json:
        sys.stdout.write(documents.dumps(answers, indent=2) + "\n")
    elif answers:
        out.print(_answers_table(answers))
    for complaint in refused:
        notes.print(str(complaint))
    return 1 if refused else 0


def _answers_table(answers: Sequence[dict[str, Any]]) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None)
    table.add_column("image", overflow="fold")
    table.add_column("label", overflow="fold")
    table.add_column("confidence", justify="right")
    table.add_column("runners-up", overflow="fold")
    for answer in answers:
        then = ", ".join(f"{each['label']} {each['confidence']:.1%}" for each in answer["runners_up"])
        table.add_row(answer["image"], answer["label"], f"{answer['confidence']:.1%}", then)
    return table


def verify(folder: Path, place: Place, *, dataset: str | None, data_dir: Path | None, json: bool) -> int:
    """Check hashes, then have every format prove itself, then repeat the score where the data is at hand.

    Returns:
        The exit code: 1 if anything is not as exported.
    """
    say = (lambda step, what: None) if json else _say
    files, changed = listed_files(folder), check_manifest(folder)
    document: dict[str, Any] = {
        "folder": str(folder),
        "files": files,
        "problems": [{"file": each.file, "kind": str(each.kind), "detail": each.detail} for each in changed],
        "formats": {},
        "score": None,
        "source": None,
        "not_repeated": None,
    }
    for each in changed:
        say("files", str(each))
    if changed:
        document["not_repeated"] = "files are not as exported, so nothing was loaded"
        say("files", f"nothing was loaded. {WAY_OUT}")
    else:
        say("files", f"{len(files)} files, all as exported")
        _prove(folder, place, document, say, dataset=dataset, data_dir=data_dir)
    if json:
        sys.stdout.write(documents.dumps(document, indent=2) + "\n")
    elif document["problems"]:
        notes.print(f"{folder} is not what it says: do not deploy it.")
    else:
        notes.print(f"{folder} is as it was exported, and does what it says.")
    return 1 if document["problems"] else 0


def _prove(
    folder: Path, place: Place, document: dict[str, Any], say: Any, *, dataset: str | None, data_dir: Path | None
) -> None:
    from dataclasses import asdict

    from sweep.model.verifying import examine, reference_of  # the data sets' libraries

    data = reference_of(folder, dataset=dataset, data_dir=data_dir, cache_dir=place.home / "cache")
    # Data that was named must be there; else the score is repeated where that can be done.
    proof = examine(folder, data=data, data_required=dataset is not None or data_dir is not None)
    for name, each in proof.formats.items():
        if not each.checked:
            say(name, f"not checked: {each.note}")
        elif each.difference is not None:
            say(name, f"{each.images} images of proof.npz, probabilities differ by at most {each.difference:.1g}")
    for part, score in (proof.score or {}).items():
        say(part, f"{score.images:,} images, accuracy {score.accuracy:.2%}, measured again on {proof.source}")
    if proof.score is None:
        reason = (proof.not_repeated or "").partition(" Tried")[0].splitlines()[0]
        say("score", f"not repeated: {reason}")
        say("score", "repeat it where the data is: --dataset PATH, or --data-dir for Fashion-MNIST")
    for problem in proof.problems:
        say("differs", problem)
    document["problems"] += [{"file": None, "kind": "proof", "detail": problem} for problem in proof.problems]
    document["formats"] = {name: asdict(each) for name, each in proof.formats.items()}
    document["score"] = None if proof.score is None else {part: asdict(each) for part, each in proof.score.items()}
    document["source"], document["not_repeated"] = proof.source, proof.not_repeated


def _say(step: str, what: str) -> None:
    out.print(f"{step:<12}{what}", soft_wrap=True)
