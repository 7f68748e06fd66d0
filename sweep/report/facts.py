"""What a report knows of a study, read once; what an older version did not record is None."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from search_spaces import SearchSpace, UnknownFamilyError
from storage.artifacts import ArtifactRecord, records_of
from sweep.baselines import Comparison, compare, why_nothing
from sweep.budget import Budget, read_budget
from sweep.confirming.full import FullModel, find_full
from sweep.confirming.results import Confirmation, confirmations
from sweep.counted import LoadedStudy
from sweep.documents import status_document, trial_document
from sweep.errors import UsageError
from sweep.identity import Identity, read_identity
from sweep.standing import LOOK_PREFIX, RUN_PREFIX, Standing, standing_of
from sweep.titles import title_of
from sweep.trial_files import TrialFiles

Matrix = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True)
class TrialFacts:
    """One trial.

    Attributes:
        number: Its number.
        state: As Optuna spells it.
        value: Validation accuracy, 0…1, of a pruned trial its last report; None if it has none.
        config: What was trained; None for a trial that was not drawn yet.
        start, complete: ISO times, or None.
        attributes: What it recorded.
        artifacts: Its files.
    """

    number: int
    state: str
    value: float | None
    config: Mapping[str, Any] | None
    start: str | None
    complete: str | None
    attributes: Mapping[str, Any]
    artifacts: tuple[ArtifactRecord, ...] = ()

    @property
    def title(self) -> str:
        """The reported experiment's name, or the configuration."""
        return title_of(self.attributes, self.config)

    @property
    def baseline(self) -> str | None:
        """The reported experiment that it is."""
        name = self.attributes.get("baseline")
        return None if name is None else str(name)

    @property
    def is_repeat(self) -> bool:
        """Whether it carries another trial's result."""
        return "reused_from" in self.attributes

    def measure(self, name: str) -> float | None:
        """A number that it recorded, which may be infinite or NaN."""
        value = self.attributes.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def whole(self, name: str) -> int | None:
        """A whole number that it recorded; None for what is none."""
        value = self.measure(name)
        return int(value) if value is not None and math.isfinite(value) else None

    def matrix(self, part: str, classes: int) -> Matrix | None:
        """Its confusion matrix of a part, `val` or `test`, if it has one for so many classes."""
        rows = self.attributes.get(f"{part}_confusion_matrix")
        if not isinstance(rows, list | tuple) or len(rows) != classes:
            return None
        if not all(isinstance(row, list | tuple) and len(row) == classes for row in rows):
            return None
        return tuple(tuple(int(cell) for cell in row) for row in rows)

    def images(self, part: str) -> int | None:
        """Number of images that its accuracy was measured on."""
        rows = self.attributes.get(f"{part}_confusion_matrix")
        square = self.matrix(part, len(rows)) if isinstance(rows, list | tuple) else None
        return None if square is None else sum(map(sum, square)) or None

    @property
    def history(self) -> Mapping[str, Sequence[float]] | None:
        """Its measures by epoch, in columns of equal length."""
        columns = self.attributes.get("history")
        if not isinstance(columns, Mapping) or "epoch" not in columns:
            return None
        length = len(columns["epoch"])
        kept = {name: values for name, values in columns.items() if len(values) == length}
        return {name: [math.nan if value is None else value for value in values] for name, values in kept.items()}

    @property
    def trained_seconds(self) -> float | None:
        """Time it trained, of a failed trial that of its finished epochs; None for a repeat."""
        if self.is_repeat:
            return None
        recorded = self.measure("train_seconds")
        if recorded is not None or self.history is None:
            return recorded
        return float(sum(self.history.get("seconds", ())))


@dataclass(frozen=True, kw_only=True)
class StudyFacts:
    """One study.

    Attributes:
        key: Unique in the page, begins every anchor and name of a figure.
        name: Its name.
        identity, budget, standing: What it is, what ends it, how far it is.
        status: As `sweep status --json` has it.
        runs: Records of who worked on it, oldest first.
        trials: All, by number.
        comparisons: With the report; empty if nothing was reported for it.
        nothing_reported: Why that is, or None.
        space: Its search space, or None where its family is not installed.
        files: Its trials' files.
        home: The home.
        where: Options that lead a command to the study, beginning with a space; may be empty.
        confirming: Name of the study that confirms it, or None.
        confirmed: What came of that.
        full: The model trained on all images but the test images, or None.
        exports: How often an exported model was measured on the test images.
    """

    key: str
    name: str
    identity: Identity
    budget: Budget
    standing: Standing
    status: Mapping[str, Any]
    runs: tuple[Mapping[str, Any], ...]
    trials: tuple[TrialFacts, ...]
    comparisons: tuple[Comparison, ...]
    nothing_reported: str | None
    space: SearchSpace | None
    files: TrialFiles
    home: Path
    where: str
    confirming: str | None = None
    confirmed: tuple[Confirmation, ...] = ()
    full: FullModel | None = None
    exports: int = 0

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.identity.labels

    def of_state(self, state: str) -> list[TrialFacts]:
        """The trials of a state, by number."""
        return [trial for trial in self.trials if trial.state == state]

    @cached_property
    def ranked(self) -> list[TrialFacts]:
        """Complete trials with a finite value that were trained, the best first; of equal ones the first."""
        trained = [
            trial
            for trial in self.of_state("COMPLETE")
            if trial.value is not None and math.isfinite(trial.value) and not trial.is_repeat
        ]
        return sorted(trained, key=lambda trial: (-(trial.value or 0.0), trial.number))

    @cached_property
    def best(self) -> TrialFacts | None:
        """The best trial."""
        return next(iter(self.ranked), None)

    @cached_property
    def best_baseline(self) -> TrialFacts | None:
        """The best reported experiment that was run here."""
        return next((trial for trial in self.ranked if trial.baseline is not None), None)

    @cached_property
    def hyperparameters(self) -> list[str]:
        """Names of all hyperparameters; the family only where there are several."""
        configs = [trial.config for trial in self.trials if trial.config]
        names = list(dict.fromkeys(name for config in configs for name in config))
        several = len({config.get("family") for config in configs}) > 1
        return [name for name in names if name != "family" or several]


def gather(
    study: optuna.Study,
    *,
    key: str,
    files: TrialFiles,
    home: Path,
    where: str,
    confirming: optuna.Study | None = None,
) -> StudyFacts:
    """Read what a report needs.

    Args:
        study: The study.
        key: See `StudyFacts`, as the following.
        files: Its trials' files.
        home: The home.
        where: Options that lead a command to the study.
        confirming: The study that confirms it. Default: None.

    Raises:
        UsageError: If the study was not made by sweep, or by a version that this one cannot read.
    """
    try:
        identity = read_identity(study)
        _ = identity is None or identity.quick_look
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"Study '{study.study_name}' was made by another version of sweep: its identity has no valid {error}. "
            "Report on it with the version that made it."
        ) from error
    if identity is None:
        raise UsageError(f"Study '{study.study_name}' was not made by sweep: there is nothing to report on.")
    try:
        space = identity.search_space
    except UnknownFamilyError:
        space = None  # a registered family that is not installed here: its trials can still be read
    comparisons = compare(study)
    found = () if confirming is None else tuple(confirmations(confirming))
    events = sorted((key, value) for key, value in study.user_attrs.items() if key.startswith(RUN_PREFIX))
    return StudyFacts(
        key=key,
        name=study.study_name,
        identity=identity,
        budget=read_budget(study),
        standing=standing_of(study),
        status=status_document(LoadedStudy(study)),
        runs=tuple(value for _, value in events),
        trials=tuple(_trial(trial, space) for trial in study.get_trials(deepcopy=False)),
        comparisons=comparisons,
        nothing_reported=None if comparisons else why_nothing(study),
        space=space,
        files=files,
        home=home,
        where=where,
        confirming=None if confirming is None else confirming.study_name,
        confirmed=found,
        full=None if confirming is None else find_full(confirming, found),
        exports=sum(
            key.startswith(LOOK_PREFIX) for each in (study, confirming) if each is not None for key in each.user_attrs
        ),
    )


def _trial(trial: FrozenTrial, space: SearchSpace | None) -> TrialFacts:
    document = trial_document(trial, space)
    return TrialFacts(
        number=trial.number,
        state=document["state"],
        value=document["value"],
        config=document["config"],
        start=document["datetime_start"],
        complete=document["datetime_complete"],
        attributes=document["user_attrs"],
        artifacts=tuple(records_of(trial)),
    )
