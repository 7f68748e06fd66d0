"""The file that keeps runs: one row each, with its curve."""

import csv
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from benchmarks.peers.curves import Curve, Run

COLUMNS = [field.name for field in fields(Run)]


def read_runs(path: Path) -> list[Run]:
    """The runs that a file keeps; none if it is not there."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return [_run(row) for row in csv.DictReader(file)]


def write_runs(path: Path, runs: Sequence[Run]) -> None:
    """Replace the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part")
    with aside.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for run in sorted(runs, key=lambda each: (each.repeat, each.system)):
            writer.writerow({**vars(run), "curve": _written(run.curve)})
    aside.replace(path)


def _written(curve: Curve) -> str:
    return " ".join(f"{seconds:.2f}:{accuracy:.5f}" for seconds, accuracy in curve)


def _run(row: dict[str, str]) -> Run:
    steps = [step.split(":") for step in row["curve"].split()]
    return Run(
        system=row["system"],
        repeat=int(row["repeat"]),
        seed=int(row["seed"]),
        limit_seconds=float(row["limit_seconds"]),
        curve=tuple((float(seconds), float(accuracy)) for seconds, accuracy in steps),
        trials=int(row["trials"]),
        epochs=int(row["epochs"]),
        measured_again=float(row["measured_again"]) if row["measured_again"] else None,
        peak_memory=int(row["peak_memory"]),
        written=int(row["written"]) if row["written"] else None,
        folder=int(row["folder"]),
        load=float(row["load"]),
        machine=row["machine"],
        versions=row["versions"],
    )
