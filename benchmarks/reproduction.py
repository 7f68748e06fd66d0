"""The page docs/results/reproduction.md: what came of the reported experiments on the full data."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

from patience import section
from trainings import EXPERIMENTS, Training

from search_spaces import ReportedExperiment
from sweep.baselines import TOLERANCE, Comparison, ReproducedMetrics, Verdict, judge, rank_correlation, which_was_met
from sweep.cli.evidence import METRICS, metric_pairs
from sweep.duration import format_duration
from sweep.sizes import counted

TITLE = "# Does the report hold?"
INTRODUCTION = f"""\
The report's networks, trained as it says on all images of Fashion-MNIST: 54,000 to train on, 6,000 to choose the epoch
by, the 10,000 test images at the end. Each seed draws weights, order, dropout and validation images anew. An experiment
is reproduced when the mean of its seeds is within {TOLERANCE:g} points of the report. Below, reported→reproduced, and
points are reproduced less reported %. `make reproduce` writes this page; each training is a line of
[reproduction.csv](reproduction.csv), and what a machine did not train stays as another one measured it."""
HEADINGS = (
    "experiment",
    "reported %",
    "seeds: test %",
    "mean ± deviation",
    "points",
    *METRICS,
    "verdict",
    "epochs",
    "training",
)


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """A reported experiment with its trainings.

    Attributes:
        reported: The report's side of it.
        trainings: Ordered by seed; none if it was not run.
    """

    reported: ReportedExperiment
    trainings: tuple[Training, ...]

    @property
    def metrics(self) -> ReproducedMetrics | None:
        """Means over the seeds; None without any."""
        if not self.trainings:
            return None
        return ReproducedMetrics(
            test_accuracy=mean(each.test_accuracy for each in self.trainings),
            test_loss=mean(each.test_loss for each in self.trainings),
            precision=mean(each.test_precision for each in self.trainings),
            recall=mean(each.test_recall for each in self.trainings),
            f1=mean(each.test_f1 for each in self.trainings),
            rmse=mean(each.test_rmse for each in self.trainings),
        )

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation of the test accuracy; None of fewer than two."""
        return stdev(each.test_accuracy for each in self.trainings) if len(self.trainings) > 1 else None

    @property
    def values(self) -> tuple[float, ...]:
        """The test accuracies that the report has for it: the table's, and a second one where it contradicts itself."""
        second = self.reported.alternative("test_accuracy")
        return (self.reported.metrics.test_accuracy, *(() if second is None else (second.value,)))

    @property
    def comparison(self) -> Comparison:
        """As `sweep baselines` has it, of the mean."""
        metrics, notes = self.metrics, tuple(each.reason for each in self.reported.alternatives)
        verdict = Verdict.NOT_RUN
        if metrics is not None:
            verdict, met = judge(metrics.test_accuracy, self.values, TOLERANCE)
            if len(self.values) > 1:
                notes += (which_was_met(verdict, met, self.values),)
        return Comparison(
            id=self.reported.id,
            family=self.reported.family,
            configuration=self.reported.configuration,
            reported=self.reported.metrics,
            reproduced=metrics,
            verdict=verdict,
            notes=notes,
        )


def reproductions(found: Iterable[Training]) -> list[Reproduction]:
    """Every reported experiment, in the report's order.

    Args:
        found: The trainings, each experiment and seed once, ordered by seed.
    """
    by_experiment: Mapping[str, list[Training]] = defaultdict(list)
    for training in found:
        by_experiment[training.experiment].append(training)
    return [Reproduction(reported=each, trainings=tuple(by_experiment[name])) for name, each in EXPERIMENTS.items()]


def page(found: Sequence[Reproduction], *, commands: Sequence[str], left_out: Iterable[str] = ()) -> str:
    """The page in Markdown.

    Args:
        found: Every reported experiment.
        commands: What repeats it.
        left_out: Sentences on what could not be run at all. Default: none.
    """
    trainings = [training for each in found for training in each.trainings]
    lines = [
        TITLE,
        "",
        INTRODUCTION,
        "",
        *summary(found),
        "",
        f"| {' | '.join(HEADINGS)} |",
        f"|{'---|' * len(HEADINGS)}",
        *(_row(each) for each in found),
        "",
        *(f"- {each.reported.id}: {note}" for each in found for note in each.comparison.notes),
        *(f"- {sentence}" for sentence in left_out),
        "",
        *((*section(trainings), "") if trainings else ()),
        "## Where and how",
        "",
        *_machines(trainings),
        "",
        "```console",
        *(f"$ {command}" for command in commands),
        "```",
    ]
    return "\n".join(lines) + "\n"


def _machines(trainings: Iterable[Training]) -> list[str]:
    """One line for each machine and way of training."""
    ways: Mapping[str, list[Training]] = defaultdict(list)
    for training in trainings:
        ways[f"{training.machine}: {training.trained_with}"].append(training)
    if not ways:
        return ["Nothing was trained."]
    return [
        f"- {way}. {', '.join(f'{each.experiment} ({each.seed})' for each in trained)}: "
        f"{format_duration(sum(each.train_seconds for each in trained))} of training."
        for way, trained in ways.items()
    ]


def summary(found: Sequence[Reproduction]) -> list[str]:
    """What was run, and what came of it, in two sentences."""
    run = [each for each in found if each.trainings]
    if not run:
        return [f"**None of {counted(len(found), 'experiment')} was run yet.**"]
    compared = [each.comparison for each in run]
    verdicts = ", ".join(
        f"{count} {verdict}" for verdict in Verdict if (count := sum(each.verdict is verdict for each in compared))
    )
    most = max(len(each.trainings) for each in run)
    experiments = counted(len(found), "experiment")
    lines = [f"**{len(run)} of {experiments} run, with up to {counted(most, 'seed')} each: {verdicts}.**"]
    correlation = rank_correlation(compared)
    if correlation is not None:
        lines.append(f"Spearman's rank correlation between the report's order and this one: {correlation:.2f}.")
    return lines


def _row(each: Reproduction) -> str:
    compared = each.comparison
    accuracy = "" if each.metrics is None else f"{100 * each.metrics.test_accuracy:.2f}"
    spread = "" if each.deviation is None else f" ± {100 * each.deviation:.2f}"
    points = "" if each.metrics is None else f"{100 * (each.metrics.test_accuracy - each.values[0]):+.2f}"
    cells = (
        compared.id,
        " or ".join(f"{100 * value:.2f}" for value in each.values),
        ", ".join(f"{one.seed}: {100 * one.test_accuracy:.2f}" for one in each.trainings),
        accuracy + spread,
        points,
        *metric_pairs(compared),
        str(compared.verdict),
        ", ".join(str(one.epochs_run) for one in each.trainings),
        format_duration(sum(one.train_seconds for one in each.trainings)) if each.trainings else "",
    )
    return f"| {' | '.join(cells)} |"
