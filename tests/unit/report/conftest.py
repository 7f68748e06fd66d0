"""Studies to report on, in memory, with trials that were never trained; their files are real."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces import find_space
from search_spaces.reported import reported_experiments
from storage import locate
from storage.artifacts import PREFIX
from sweep.baseline_notes import REPORTED_SHA256
from sweep.figures.rendering import render
from sweep.figures.style import new_figure
from sweep.identity import ATTRIBUTE, Identity
from sweep.report.facts import StudyFacts, gather
from sweep.report.pages import page_of
from sweep.report.writing import Format, write
from sweep.trial_files import TrialFiles
from tests.identities import make_identity

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
LABELS = reported_experiments("isolated")[0].labels
ENVIRONMENT = {
    "backend": "tensorflow",
    "device": "cpu",
    "dtype_policy": "float32",
    "host": "one",
    "git_commit": "c0ffee",
    "versions": {"python": "3.12.1", "keras": "3.15.1"},
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """A trial as a test tells it; `hits` of 6,000 validation images, or None without any measure."""

    state: str = "COMPLETE"
    hits: int | None = 5500
    value: float | None = None
    config: dict[str, Any] | None = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    artifacts: tuple[tuple[int, str, bytes], ...] = ()


def matrix_of(hits: int, images: int, classes: int) -> list[list[int]]:
    """A confusion matrix with so many hits; what is missed is taken for the next class."""
    rows = np.zeros((classes, classes), dtype=int)
    for index in range(classes):
        of_class = images // classes
        right = hits // classes + (index < hits % classes)
        rows[index, index] = right
        rows[index, (index + 1) % classes] += of_class - right
    return rows.tolist()


def history_of(epochs: int, reached: float) -> dict[str, list[float]]:
    """Curves that rise to an accuracy."""
    rising = [reached * (1 - 0.5 / epoch**2) for epoch in range(1, epochs)] + [reached]
    falling = [2.0 / epoch for epoch in range(1, epochs + 1)]
    return {
        "epoch": list(range(1, epochs + 1)),
        "loss": falling,
        "accuracy": [min(1.0, value + 0.01) for value in rising],
        "val_loss": [value + 0.1 for value in falling],
        "val_accuracy": rising,
        "seconds": [12.5] * epochs,
    }


@pytest.fixture(scope="session")
def told() -> type[Told]:
    """How a test describes a trial."""
    return Told


@pytest.fixture(scope="session")
def picture() -> bytes:
    """A small PNG."""
    return render(new_figure(2, 1, title="a picture"))


@pytest.fixture(scope="session")
def make_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., StudyFacts]:
    """Make a study and gather its facts."""

    def make(trials: Sequence[Told], *, name: str = "isolated", **changes: Any) -> StudyFacts:
        identity, home = identity_of(**changes), tmp_path_factory.mktemp("home")
        files = TrialFiles(home, name, locate(None, home))
        study = optuna.create_study(study_name=name, direction="maximize")
        study.set_user_attr(ATTRIBUTE, identity.to_dict())
        study.set_user_attr("budget.trials", 20)
        study.add_trials([_trial(number, trial, identity, files) for number, trial in enumerate(trials)])
        return gather(study, key="s1", files=files, home=home, where="")

    return make


def identity_of(**changes: Any) -> Identity:
    """A study of full length on the report's images, unless told otherwise."""
    known = {"space_hash": find_space(changes.get("family", "isolated")).hash, "dataset_sha256": REPORTED_SHA256}
    return make_identity(**(known | {"labels": LABELS} | changes))


def _trial(number: int, told: Told, identity: Identity, files: TrialFiles) -> FrozenTrial:
    attributes: dict[str, Any] = {}
    value = told.value
    if told.config is not None:
        config = {"family": "isolated", "conv_layers": 3, "l2": None, "batch_norm": False, "dropout": None}
        attributes["config"] = config | told.config
    if told.hits is not None:
        accuracy = told.hits / 6000
        value = accuracy if value is None else value
        attributes |= ENVIRONMENT | {
            "val_accuracy": accuracy,
            "val_confusion_matrix": matrix_of(told.hits, 6000, len(identity.labels)),
            "history": history_of(12, accuracy),
            "epochs_run": 12,
            "best_epoch": 12,
            "train_seconds": 150.0,
            "parameters": 3549834,
            "forward_macs": 118580736,
        }
    if "baseline" in told.attributes and told.hits is not None:
        hits = round(told.hits / 6000 * 10000) - 30
        attributes["test_accuracy"] = hits / 10000
        attributes["test_confusion_matrix"] = matrix_of(hits, 10000, len(identity.labels))
    records = [
        files.artifacts.write(number, order, filename, "image/png", content)
        for order, filename, content in told.artifacts
    ]
    return create_trial(
        state=TrialState[told.state],
        value=value if told.state in ("COMPLETE", "PRUNED") else None,
        intermediate_values={3: value} if told.state == "PRUNED" and value is not None else None,
        user_attrs=attributes | told.attributes,
        system_attrs={PREFIX + each.artifact_id: json.dumps(asdict(each)) for each in records},
    )


@pytest.fixture(scope="session")
def whole_study(make_study, told, picture) -> StudyFacts:
    """Everything that can come of trials: ten experiments, a search, prunings, failures, a retry and a repeat."""
    return make_study(whole_trials(told, picture))


@pytest.fixture(scope="session")
def as_html() -> Callable[..., str]:
    """The page of studies as HTML, without their images."""
    return lambda *studies: write(page_of(studies, data_dir=Path("nowhere"), now=NOW), Format.HTML)


@pytest.fixture(scope="session")
def as_markdown() -> Callable[..., str]:
    """The page of studies as Markdown, without their images."""
    return lambda *studies: write(page_of(studies, data_dir=Path("nowhere"), now=NOW), Format.MARKDOWN)


@pytest.fixture(scope="session")
def whole_html(whole_study: StudyFacts, as_html: Callable[..., str]) -> str:
    """The page of `whole_study`."""
    return as_html(whole_study)


@pytest.fixture(scope="session")
def whole_markdown(whole_study: StudyFacts, as_markdown: Callable[..., str]) -> str:
    """The same as Markdown."""
    return as_markdown(whole_study)


def whole_trials(told: type[Told], picture: bytes) -> list[Told]:
    """The trials of `whole_study`; trial 12 is the best."""
    trials = [
        told(
            hits=5500 + 4 * number,
            config=dict(experiment.configuration),
            attributes={"baseline": experiment.id, "forward_macs": 118580736 + (number == 9) * 41_000_000},
        )
        for number, experiment in enumerate(reported_experiments("isolated"))
    ]
    trials += [
        told(hits=5480, config={"l2": 0.0004, "dropout": 0.21}),
        told(hits=5530, config={"batch_norm": True, "dropout": 0.33}),
        told(hits=5700, config={"conv_layers": 4, "l2": 0.0011, "batch_norm": True},
             attributes={"forward_macs": 159700000, "parameters": 6893194},
             artifacts=((3, "4-worst-confusions.png", picture), (4, "5-features.png", picture))),
        told(hits=5690, config={"conv_layers": 3, "l2": 0.0009, "batch_norm": True}),
        told(hits=None, value=0.88, state="PRUNED", config={"l2": 0.07},
             attributes={"pruned_because": "pruned at epoch 3: 0.880 against a median of 0.910", "epochs_run": 3}),
        told(hits=5700, config={"conv_layers": 4, "l2": 0.0011, "batch_norm": True},
             attributes={"reused_from": 12}),
        told(hits=None, state="FAIL", config={"dropout": 0.5},
             attributes={"failure": "crash", "failure_message": "its trainer died: signal 11"}),
        told(hits=5400, config={"dropout": 0.5}, attributes={"attempt": 2, "retry_of": 16, "host": "two"}),
        told(hits=None, state="FAIL", config={"dropout": 0.1},
             attributes={"failure": "nan", "failure_message": "the loss became NaN"}),
        told(hits=5350, config={"l2": 0.05, "dropout": 0.45}, attributes={"enqueued": True}),
    ]  # fmt: skip
    return trials
