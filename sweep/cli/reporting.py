"""The command that writes evidence for people: report."""

import os
import sys
from pathlib import Path

from sweep.cli.options import Place
from sweep.cli.place import files_of, reading_store, where
from sweep.cli.streams import notes
from sweep.confirming.pairs import confirmations_of
from sweep.errors import UsageError, WorldError
from sweep.files import write_atomically
from sweep.report.facts import gather
from sweep.report.pages import page_of
from sweep.report.writing import choose_format, write
from sweep.sizes import format_bytes


def report(names: list[str], place: Place, *, out: Path, format: str | None, data_dir: Path | None) -> None:  # noqa: A002 - the option's name
    """Write one page about one or more studies."""
    wanted = choose_format(out, format)
    to_file = str(out) != "-"
    if to_file:
        _check_folder(out)
    with reading_store(place) as store:
        loaded = {name: store.load(name) for name in names}
        studies = [
            gather(
                study,
                key=f"s{index}",
                files=files_of(study, store, place),
                home=place.home,
                where=where(place),
                confirming=confirmations_of(store, study),
            )
            for index, (name, study) in enumerate(loaded.items(), start=1)
        ]
    text = write(page_of(studies, data_dir=data_dir), wanted)
    if not to_file:
        sys.stdout.write(text)
        return
    write_atomically(out, text)
    notes.print(f"Wrote {out}, {format_bytes(len(text.encode()))}.")


def _check_folder(out: Path) -> None:
    """Refuse what cannot be written before any work is done."""
    folder = out.parent
    if out.is_dir():
        raise UsageError(f"{out} is a folder. Expected the name of a file, such as {out / 'report.html'}.")
    if not folder.is_dir():
        raise WorldError(
            f"{out} cannot be written: there is no folder {folder}. Make it first, or choose another --out."
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WorldError(f"{out} cannot be written: {folder} lets nobody write into it. Choose another --out.")
