"""The commands that only read; none of them imports Keras."""

import csv as comma_separated
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from rich.table import Table

from search_spaces import SearchSpace, UnknownFamilyError, describe, find_space, space_names
from storage import Store
from storage.artifacts import records_of
from sweep.cli.curve import curve_lines
from sweep.cli.options import Place
from sweep.cli.place import files_of, reading_store
from sweep.cli.streams import notes, out
from sweep.cli.tables import MARKS, trials_table
from sweep.documents import to_json, trial_document, trial_documents
from sweep.errors import UsageError
from sweep.identity import read_identity
from sweep.titles import title_of


def families(json: bool) -> None:
    """What can be swept."""
    rows: list[dict[str, Any]] = []
    for name in space_names():
        try:
            space = find_space(name)
        except UnknownFamilyError as error:
            notes.print(f"{name}: {error}")
            continue
        rows.append(
            {
                "family": name,
                "parameters": {each.name: each.expected for family in space.families for each in describe(family)},
                "families": [family.family for family in space.families],
                "reported": [experiment.id for experiment in space.reported],
                "first_trials": [each.id for each in space.first_trials],
                "recipe": space.default_recipe,
                "tuned": _searched_by_tuned(space),
            }
        )
    if json:
        _print_json(rows)
        return
    table = Table(header_style="bold", pad_edge=False, box=None)
    for heading in ("family", "parameters", "known experiments", "recipe"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        known = "\n".join(
            f"{len(row[key])} {words}"
            for key, words in (("reported", "reported"), ("first_trials", "published"))
            if row[key]
        )
        table.add_row(str(row["family"]), _lines(row["parameters"]), known, row["recipe"])
    out.print(table)
    tuned: dict[str, str] = max(
        (row["tuned"] for row in rows), key=len, default={}
    )  # behind a frozen backbone there are fewer
    out.print(f"\nWith the recipe tuned, how a network is trained is searched, too:\n{_lines(tuned)}", highlight=False)


def _searched_by_tuned(space: SearchSpace) -> dict[str, str]:
    """The parameters that the recipe `tuned` adds to a space; none to one that has such names of its own."""
    try:
        families = find_space(space.name, recipe="tuned").families
    except UnknownFamilyError:
        return {}
    return {
        each.name: each.expected
        for family in families
        for each in describe(family)
        if each.name not in space.distributions
    }


def _lines(parameters: Mapping[str, str]) -> str:
    return "\n".join(f"{name}: {expected}" for name, expected in parameters.items())


def data(place: Place, *, dataset: str, data_dir: Path | None, image_size: int | None, color: bool, json: bool) -> None:
    """Get the data and say what it is."""
    from sweep.data.dataset import DataReference, load_dataset  # scikit-learn and pillow: this command alone

    found = load_dataset(
        DataReference(
            name=dataset,
            data_dir=data_dir,
            cache_dir=place.home / "cache",
            image_size=image_size,
            color=color,
        )
    )
    document = {
        "dataset": found.name,
        "source": found.source,
        "train": len(found.y_train),
        "test": len(found.y_test),
        "image_shape": list(found.image_shape),
        "labels": list(found.labels),
        "sha256": found.sha256,
    }
    if json:
        _print_json(document)
        return
    height, width, channels = found.image_shape
    out.print(f"{found.name}: complete and unaltered, from {found.source}", soft_wrap=True)
    out.print(f"{len(found.y_train):,} training and {len(found.y_test):,} test images, {height}x{width}x{channels}")
    out.print(f"{len(found.labels)} classes: {', '.join(found.labels)}", soft_wrap=True)
    out.print(f"SHA-256 {found.sha256}", soft_wrap=True)


def trials(name: str, place: Place, *, json: bool, csv: bool) -> None:
    """A study's trials."""
    if json and csv:
        raise UsageError("Choose one of --json and --csv.")
    with reading_store(place) as store:
        study, space = _study_and_space(store, name)
        rows = trial_documents(study, space)
        identity = read_identity(study)
    if json:
        _print_json(rows)
    elif csv:
        _print_csv(rows)
    else:
        out.print(trials_table(name, rows, quick_look=identity is not None and identity.quick_look))


def show(name: str, number: int, place: Place, json: bool) -> None:
    """One trial."""
    with reading_store(place) as store:
        study, space = _study_and_space(store, name)
        frozen = study.get_trials(deepcopy=False)
        files = files_of(study, store, place)
    if number >= len(frozen):
        known = f"Its trials are 0 to {len(frozen) - 1}." if frozen else "It has none yet."
        raise UsageError(f"Study '{name}' has no trial {number}. {known}")
    document = trial_document(frozen[number], space)
    records = [(record.filename, files.artifacts.path(record.artifact_id)) for record in records_of(frozen[number])]
    urls = {path: None if files.shared is None else files.shared.url(path) for _, path in records}
    if json:
        found = [
            {"filename": filename, "path": str(path), "exists": path.is_file(), "url": urls[path]}
            for filename, path in records
        ]
        _print_json(document | {"artifacts": found})
        return
    attributes = document["user_attrs"]
    out.print(f"{name}, trial {number}: {title_of(attributes, document['config'])}", style="bold")
    table = Table.grid(padding=(0, 2))
    table.add_row("state", MARKS[document["state"]])
    for key, value in (document["config"] or {}).items():
        table.add_row(key, "off" if value in (None, False) else "on" if value is True else str(value))
    for key, value in sorted(attributes.items()):
        if not isinstance(value, dict | list) and value is not None and key != "baseline":
            table.add_row(key, f"{value:.4g}" if isinstance(value, float) else str(value))
    out.print(table)
    history = attributes.get("history")
    if history:
        out.print(_history_table(history))
        for line in curve_lines(history):
            out.print(line)
    for filename, path in records:
        where = path if path.is_file() else urls[path] or "deleted, or on another host"
        out.print(f"{filename:<32}{where}", soft_wrap=True)


def _history_table(history: dict[str, list[float]]) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None)
    for heading in history:
        table.add_column(heading, justify="right")
    for row in zip(*history.values(), strict=True):
        table.add_row(*(str(value) if isinstance(value, int) else f"{value:.4f}" for value in row))
    return table


def _study_and_space(store: Store, name: str) -> tuple[optuna.Study, SearchSpace | None]:
    study = store.load(name)
    identity = read_identity(study)
    try:
        return study, None if identity is None else identity.search_space
    except UnknownFamilyError:
        return study, None  # a registered family that is not installed here: its trials can still be read


def _print_json(document: Any) -> None:
    sys.stdout.write(to_json(document))


def _print_csv(rows: list[dict[str, Any]]) -> None:
    flat = []
    for row in rows:
        plain = {key: value for key, value in row.items() if not isinstance(value, dict)}
        plain |= {f"config_{key}": value for key, value in (row["config"] or {}).items()}
        plain |= {
            key: value
            for key, value in row["user_attrs"].items()
            if not isinstance(value, dict | list) and key not in plain
        }
        flat.append(plain)
    columns = list(dict.fromkeys(key for row in flat for key in row))
    writer = comma_separated.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
