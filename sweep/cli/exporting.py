"""The command that turns a study into a model for others: export."""

import shlex
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from sweep.cli.options import Means, Place
from sweep.cli.place import given_address, reading_store, writing_store
from sweep.cli.streams import notes
from sweep.cli.tables import outdated_full
from sweep.documents import to_json
from sweep.errors import UsageError
from sweep.export.candidate import Candidate, bring_weights, choose_model, refuse_missing_weights
from sweep.export.configuration import choose_trial, configuration_document
from sweep.export.folder import refuse_target
from sweep.export.packages import PACKAGES, refuse_missing_packages
from sweep.files import write_atomically
from sweep.names import nearest
from sweep.places import refuse_another_place
from sweep.sizes import format_bytes
from sweep.standing import CONFIRMS

if TYPE_CHECKING:
    from sweep.export.exporting import Exported

CONFIG = "config"
FORMATS = (CONFIG, *PACKAGES)


def export(
    name: str,
    means: Means,
    place: Place,
    *,
    out: Path,
    formats: Sequence[str],
    trial: int | None,
    force: bool,
    retrain: bool,
) -> int:
    """Write a model's folder, or its configuration alone; returns the exit code."""
    wanted = _known(formats)
    if CONFIG in wanted:
        _export_configuration(name, place, out=out, trial=trial, force=force)
        return 0
    if out.suffix == ".json":
        raise UsageError(
            f"--out {out} names a file, and a model is a folder. Name one, as --out model; or take the configuration "
            "alone: add --format config."
        )
    with reading_store(place) as store:
        refuse_another_place(store.load(name), given_address(place))
        candidate = choose_model(store, name, trial, home=place.home)
        if candidate.passed_over is not None:
            confirmed = store.load(candidate.study_name).user_attrs.get(CONFIRMS, name)
            notes.print(outdated_full(candidate.passed_over, confirmed, place), soft_wrap=True)
        refuse_target(out, force=force)
        refuse_missing_packages(wanted)
        if not bring_weights(store, candidate, home=place.home, note=notes.print) and not retrain:
            refuse_missing_weights(store, candidate, home=place.home)
    # Figures and statistics take a second to import: after whatever can be refused at once.
    from sweep.export.exporting import Request, export_model, record_look, timed
    from sweep.worker.once import StoppedBySignalError

    request = Request(
        out=out,
        formats=wanted,
        force=force,
        retrain=retrain,
        home=place.home,
        dataset=means.dataset,
        data_dir=means.data_dir,
        weights=means.weights,
    )
    look = " (quick look: not a model to deploy)" if candidate.identity.quick_look else ""
    notes.print(f"Exporting {candidate.name} of '{candidate.study_name}'{look} ...")
    try:
        with writing_store(place) as store, _sigterm_ends():
            exported = export_model(
                candidate,
                request,
                note=timed(notes.print),
                looked=lambda: record_look(store.load(candidate.study_name), candidate),
            )
    except StoppedBySignalError as stopped:
        return 128 + stopped.signal
    _tell(exported, candidate, out)
    return 0


def _known(formats: Sequence[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(formats))
    for each in wanted:
        if each not in FORMATS:
            raise UsageError(f"No export format named '{each}'.{nearest(each, FORMATS)} Known: {', '.join(FORMATS)}.")
    if CONFIG in wanted and len(wanted) > 1:
        raise UsageError(
            "--format config writes one file and no model. Give it alone, or leave it out: config.json is in every "
            "model's folder."
        )
    return wanted


def _export_configuration(name: str, place: Place, *, out: Path, trial: int | None, force: bool) -> None:
    with reading_store(place) as store:
        study = store.load(name)
        document = configuration_document(study, choose_trial(study, trial))
    if out.exists() and not force:
        raise UsageError(f"{out} exists. Choose another --out, or replace it with --force.")
    write_atomically(out, to_json(document))
    notes.print(f"Wrote trial {document['trial']} of '{name}' to {out}.")
    notes.print(f"Train it elsewhere: sweep enqueue STUDY --file {shlex.quote(str(out))}")


def _tell(exported: "Exported", candidate: Candidate, out: Path) -> None:
    test, validation = exported.metrics["test"], exported.metrics["validation"]
    measured = f"{100 * test['accuracy']:.2f} % of {test['images']:,} test images"
    if validation is not None:
        measured += f", {100 * validation['accuracy']:.2f} % of {validation['images']:,} validation images"
    notes.print(f"Wrote {candidate.name} of '{candidate.study_name}' to {out} ({format_bytes(exported.bytes)}).")
    notes.print(f"Accuracy: {measured}.")
    folder = shlex.quote(str(out))
    steps = [
        (f"sweep predict {folder} IMAGE", "what an image shows"),
        (f"sweep verify {folder}", "that nothing of it changed, here or elsewhere"),
        (f"sweep serve {folder}", "answer over HTTP"),
    ]
    width = max(len(command) for command, _ in steps)
    notes.print("\n".join(["Next:", *(f"  {command:<{width}}  {what}" for command, what in steps)]))


@contextmanager
def _sigterm_ends() -> Iterator[None]:
    """Have SIGTERM end the command as Ctrl-C does, so that no draft is left."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
