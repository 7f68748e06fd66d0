"""Trainings of reported experiments: those of this machine's studies, and those that other machines wrote down."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import find_space
from sweep.baseline_notes import of_starting_point
from sweep.identity import read_identity

EXPERIMENTS = {each.id: each for each in find_space("all").reported}


@dataclass(frozen=True, kw_only=True)
class Training:
    """One training of a reported experiment on all images, as one line of `reproduction.csv` has it.

    Attributes:
        experiment: Its name, such as `isolated-3`.
        seed: Of weights, order, dropout and validation images.
        test_accuracy, test_precision, test_recall, test_f1: On the test images, 0 to 1, of the best epoch in float32.
        test_loss: Cross-entropy plus the L2 penalty.
        test_rmse: Over class indices.
        val_accuracy: By which the epoch was chosen, measured in float32.
        val_accuracies, val_losses: After each epoch, as training measured them.
        best_epoch: That epoch.
        epochs_run: Trained ones.
        train_seconds: What they took.
        dtype_policy, device, backend: It was trained in.
        keras, backend_version: Versions.
        git_commit: Of this repository; empty where it was run from none.
        date: On which it ended, in the machine's time.
        machine: Its processor, GPU and system.
    """

    experiment: str
    seed: int
    test_accuracy: float
    test_loss: float
    test_precision: float
    test_recall: float
    test_f1: float
    test_rmse: float
    val_accuracy: float
    val_accuracies: tuple[float, ...]
    val_losses: tuple[float, ...]
    best_epoch: int
    epochs_run: int
    train_seconds: float
    dtype_policy: str
    device: str
    backend: str
    keras: str
    backend_version: str
    git_commit: str
    date: str
    machine: str

    @property
    def trained_with(self) -> str:
        """Dtype policy, device and versions, in words."""
        versions = f"keras {self.keras}, {self.backend} {self.backend_version}"
        return f"{self.dtype_policy} on a {self.device.upper()}, {versions}"


def trainings(study: optuna.Study, *, machine: str) -> list[Training]:
    """The complete trainings of a study that the report can judge, in the order of its trials.

    Args:
        study: Of a family or of its confirmation. On other images, or by another recipe, nothing is reproduced.
        machine: What it was run on.
    """
    identity = read_identity(study)
    if identity is None or identity.quick_look:
        return []
    return [
        _training(trial, machine)
        for trial in study.get_trials(deepcopy=False)
        if trial.state is TrialState.COMPLETE
        and "test_accuracy" in trial.user_attrs
        and (experiment := EXPERIMENTS.get(trial.user_attrs.get("baseline", "")))
        and not of_starting_point(experiment, identity)
    ]


def _training(trial: FrozenTrial, machine: str) -> Training:
    attributes = trial.user_attrs
    named = {each.name: attributes[each.name] for each in fields(Training) if each.name in attributes}
    versions = attributes["versions"]
    return Training(
        **named
        | {
            "experiment": attributes["baseline"],
            "val_accuracies": tuple(attributes["history"]["val_accuracy"]),
            "val_losses": tuple(attributes["history"]["val_loss"]),
            "keras": versions["keras"],
            "backend_version": versions[attributes["backend"]],
            "git_commit": attributes.get("git_commit") or "",
            "date": "" if trial.datetime_complete is None else trial.datetime_complete.date().isoformat(),
            "machine": machine,
        }
    )


def gathered(earlier: Iterable[Training], own: Iterable[Training]) -> list[Training]:
    """Each experiment and seed once, in the report's order: the first of `own`, else the first of `earlier`."""
    found: dict[tuple[str, int], Training] = {}
    for training in (*own, *earlier):
        found.setdefault((training.experiment, training.seed), training)
    order = list(EXPERIMENTS)
    return sorted(found.values(), key=lambda each: (order.index(each.experiment), each.seed))


def read_table(path: Path) -> list[Training]:
    """The trainings in a file that `write_table` wrote; none if there is no such file.

    Raises:
        ValueError: If a column is missing or unknown, an experiment is not the report's, or a number is none.
    """
    if not path.exists():
        return []
    types = get_type_hints(Training)
    with path.open(newline="") as lines:
        table = csv.DictReader(lines)
        if set(table.fieldnames or ()) != set(types):
            raise ValueError(f"{path}: expected the columns {', '.join(types)}. Received: {table.fieldnames}.")
        found = []
        for row in table:
            try:
                found.append(Training(**{name: _read(value, types[name]) for name, value in row.items()}))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{path}, line {table.line_num}: {error}. Mend the line, or remove it.") from error
            if found[-1].experiment not in EXPERIMENTS:
                raise ValueError(
                    f"{path}, line {table.line_num}: expected an experiment of the report, such as isolated-1. "
                    f"Received: {found[-1].experiment!r}. Mend the line, or remove it."
                )
    return found


def _read(text: str, kind: Any) -> Any:
    """A cell's value; a curve's numbers have spaces between them."""
    return kind(text) if isinstance(kind, type) else tuple(map(float, text.split()))


def write_table(path: Path, rows: Iterable[Training]) -> None:
    """One line for each training below the columns' names."""
    with path.open("w", newline="") as lines:
        table = csv.DictWriter(lines, [each.name for each in fields(Training)], lineterminator="\n")
        table.writeheader()
        for row in rows:
            table.writerow({name: _written(value) for name, value in asdict(row).items()})


def _written(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, tuple) else value
