"""The page docs/results/reproduction.md: what came of the reported experiments on the full data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev

import optuna
from optuna.trial import FrozenTrial, TrialState

from sweep.baseline_notes import of_starting_point
from sweep.baselines import (
    TOLERANCE,
    Comparison,
    ReproducedMetrics,
    Verdict,
    compare,
    judge,
    rank_correlation,
    which_was_met,
)
from sweep.duration import format_duration
from sweep.identity import read_identity
from sweep.sizes import counted

TITLE = "# Does the report hold?"
INTRODUCTION = f"""\
The report's networks, trained as it says on all images of Fashion-MNIST: 54,000 to train on, 6,000 to choose the epoch
by, the 10,000 test images at the end. Each seed draws weights, order, dropout and validation images anew. An experiment
is reproduced when the mean of its seeds is within {TOLERANCE:g} points of the report. Written by `make reproduce` from
the studies; every number was measured."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of a reported experiment.

    Attributes:
        seed: Its seed.
        test_accuracy: 0 to 1, of the best epoch in float32.
        epochs: Trained ones.
        seconds: Of training.
        trained_with: Dtype policy, device and versions, in words.
    """

    seed: int
    test_accuracy: float
    epochs: int
    seconds: float
    trained_with: str


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A reported experiment with its runs.

    Attributes:
        reported: The report's side of it, as `sweep.baselines` has it.
        runs: Ordered by seed; none if it was not run.
    """

    reported: Comparison
    runs: tuple[Run, ...]

    @property
    def accuracy(self) -> float | None:
        """Mean test accuracy over the seeds; None without any."""
        return mean(run.test_accuracy for run in self.runs) if self.runs else None

    @property
    def deviation(self) -> float | None:
        """Their sample standard deviation; None of fewer than two."""
        return stdev(run.test_accuracy for run in self.runs) if len(self.runs) > 1 else None

    @property
    def values(self) -> tuple[float, ...]:
        """The test accuracies that the report has for it: the table's, and a second one where it contradicts itself."""
        second = [each.value for each in self.reported.alternatives if each.metric == "test_accuracy"]
        return (self.reported.reported.test_accuracy, *second)

    @property
    def verdict(self) -> Verdict:
        """Of the mean."""
        return Verdict.NOT_RUN if self.accuracy is None else judge(self.accuracy, self.values, TOLERANCE)[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the report contradicts itself, and what that turned into."""
        said = tuple(each.reason for each in self.reported.alternatives)
        if self.accuracy is None or len(self.values) < 2:
            return said
        verdict, met = judge(self.accuracy, self.values, TOLERANCE)
        return (*said, which_was_met(verdict, met, self.values))


def reproductions(study: optuna.Study, confirming: optuna.Study | None) -> list[Reproduction]:
    """Every reported experiment of a study's family, in the report's order.

    Args:
        study: On the report's terms: on others there is nothing to reproduce.
        confirming: The study of other seeds, or None where there is none yet.
    """
    runs: dict[str, dict[int, Run]] = {}
    identity = read_identity(study)
    for trial in [*study.get_trials(deepcopy=False), *(() if confirming is None else confirming.get_trials())]:
        attributes = trial.user_attrs
        if trial.state is TrialState.COMPLETE and "baseline" in attributes and "test_accuracy" in attributes:
            # The study's own training goes before the confirming study's copy of it.
            runs.setdefault(attributes["baseline"], {}).setdefault(attributes["seed"], _run(trial))
    if identity is None or identity.quick_look:
        return []
    return [
        Reproduction(reported=row, runs=tuple(run for _, run in sorted(runs.get(row.id, {}).items())))
        for experiment, row in zip(identity.search_space.reported, compare(study), strict=True)
        if not of_starting_point(experiment, identity)
    ]


def _run(trial: FrozenTrial) -> Run:
    attributes = trial.user_attrs
    versions: Mapping[str, str] = attributes.get("versions", {})
    named = ", ".join(
        f"{name} {versions[name]}" for name in ("keras", attributes.get("backend", "")) if name in versions
    )
    return Run(
        seed=attributes["seed"],
        test_accuracy=attributes["test_accuracy"],
        epochs=attributes.get("epochs_run", 0),
        seconds=attributes.get("train_seconds") or 0.0,
        trained_with=f"{attributes.get('dtype_policy')} on a {str(attributes.get('device')).upper()}, {named}",
    )


def page(found: Sequence[Reproduction], *, machine: str, commands: Sequence[str], left_out: Iterable[str] = ()) -> str:
    """The page in Markdown.

    Args:
        found: Every experiment that there is a study for.
        machine: What it was run on.
        commands: What repeats it.
        left_out: Sentences on what could not be run at all. Default: none.
    """
    run = [each for each in found if each.runs]
    lines = [
        TITLE,
        "",
        INTRODUCTION,
        "",
        *summary(run, found),
        "",
        "| experiment | reported % | seeds: test % | mean ± deviation | points | verdict | epochs | training |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(each) for each in found),
        "",
        *(f"- {each.reported.id}: {note}" for each in found for note in each.notes),
        *(f"- {sentence}" for sentence in left_out),
        "",
        f"Machine: {machine}. {_trained_in(run)}",
        "",
        "```console",
        *(f"$ {command}" for command in commands),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _trained_in(run: Sequence[Reproduction]) -> str:
    runs = [one for each in run for one in each.runs]
    if not runs:
        return "Nothing was trained."
    ways = "; ".join(sorted({one.trained_with for one in runs}))
    return f"Trained in {ways}. Training took {format_duration(sum(one.seconds for one in runs))} in all."


def summary(run: Sequence[Reproduction], found: Sequence[Reproduction]) -> list[str]:
    """What was run, and what came of it, in two sentences."""
    if not run:
        return [f"**None of {counted(len(found), 'experiment')} was run yet.**"]
    verdicts = ", ".join(
        f"{count} {verdict}" for verdict in Verdict if (count := sum(each.verdict is verdict for each in run))
    )
    most = max(len(each.runs) for each in run)
    experiments = counted(len(found), "experiment")
    lines = [f"**{len(run)} of {experiments} run, with up to {counted(most, 'seed')} each: {verdicts}.**"]
    measured = [
        replace(each.reported, reproduced=ReproducedMetrics(test_accuracy=each.accuracy or 0.0)) for each in run
    ]
    correlation = rank_correlation(measured)
    if correlation is not None:
        lines.append(f"Spearman's rank correlation between the report's order and this one: {correlation:.2f}.")
    return lines


def _row(each: Reproduction) -> str:
    values = " or ".join(f"{100 * value:.2f}" for value in each.values)
    if each.accuracy is None:
        return f"| {each.reported.id} | {values} | | | | {each.verdict} | | |"
    seeds = ", ".join(f"{run.seed}: {100 * run.test_accuracy:.2f}" for run in each.runs)
    spread = "" if each.deviation is None else f" ± {100 * each.deviation:.2f}"
    epochs = ", ".join(str(run.epochs) for run in each.runs)
    return (
        f"| {each.reported.id} | {values} | {seeds} | {100 * each.accuracy:.2f}{spread} | "
        f"{100 * (each.accuracy - each.values[0]):+.2f} | {each.verdict} | {epochs} | "
        f"{format_duration(sum(run.seconds for run in each.runs))} |"
    )
