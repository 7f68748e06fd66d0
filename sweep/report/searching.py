"""Sections about the search: how it went, what mattered, what accuracy costs."""

import math
from functools import partial

from sweep.baseline_notes import of_starting_point
from sweep.figures.hyperparameters import Slice
from sweep.figures.points import PointKind
from sweep.figures.studies import CostPoint
from sweep.report.blocks import Block, Listing, Paragraph, Picture, Row, Section, Table
from sweep.report.facts import StudyFacts, TrialFacts
from sweep.report.influence import EXPLANATION, influence_of, is_log
from sweep.report.results import plan_of
from sweep.report.wording import millions, percent

TOP = 3  # trials whose learning curves are shown


def history(study: StudyFacts) -> Section:
    """Validation accuracy over the trials."""
    from sweep.figures.studies import optimisation_history

    shown = [trial for trial in study.trials if trial.state in ("COMPLETE", "PRUNED") and trial.value is not None]
    best_so_far, best = [], math.nan
    for trial in shown:
        if trial.state == "COMPLETE" and math.isfinite(trial.value or 0.0):
            best = max(trial.value or 0.0, -1.0 if math.isnan(best) else best)
        best_so_far.append(best)
    blocks: list[Block] = []
    if shown:
        blocks.append(
            Picture(
                name=f"{study.key}-history",
                alt=f"Validation accuracy of {len(shown)} trials by number; the best is {percent(best)}.",
                draw=partial(
                    optimisation_history,
                    [trial.number for trial in shown],
                    [trial.value or 0.0 for trial in shown],
                    [_kind(study, trial) for trial in shown],
                    best_so_far,
                    title="Optimisation history",
                ),
            )
        )
    else:
        blocks.append(Paragraph(text="No trial has finished yet."))
    reading = "Each mark is a trial; where the line still rises at its right end, more trials may find better ones."
    return Section(title="How the search went", anchor=f"{study.key}-history", reading=reading, blocks=blocks)


def _kind(study: StudyFacts, trial: TrialFacts) -> PointKind:
    if trial is study.best:
        return PointKind.BEST
    if trial.state == "PRUNED":
        return PointKind.PRUNED
    return PointKind.SEARCHED if trial.baseline is None else PointKind.BASELINE


def curves(study: StudyFacts) -> Section:
    """Learning curves of the best trials."""
    from sweep.figures.curves import learning_curves

    blocks: list[Block] = []
    for place, trial in enumerate(study.ranked[:TOP], start=1):
        columns = trial.history
        if columns is None:
            blocks.append(Paragraph(text=f"Trial {trial.number} recorded no history."))
            continue
        best_epoch = trial.whole("best_epoch")
        blocks.append(
            Picture(
                name=f"{study.key}-curves-{place}",
                alt=f"Accuracy and loss of trial {trial.number} over {len(columns['epoch'])} epochs, of training and "
                f"validation; the best epoch is {best_epoch or 'not recorded'}.",
                draw=partial(
                    learning_curves,
                    columns,
                    title=f"{place}. Trial {trial.number}: {trial.title}",
                    best_epoch=best_epoch,
                    resumed_after=trial.whole("resumed_from_epoch"),
                ),
            )
        )
    if not blocks:
        blocks.append(Paragraph(text="No trial is complete yet."))
    reading = "Training far above validation is overfitting; curves that still rise at their end want more epochs."
    return Section(title="Learning curves", anchor=f"{study.key}-curves", reading=reading, blocks=blocks)


def hyperparameters(study: StudyFacts) -> Section:
    """What each hyperparameter does to validation accuracy."""
    from sweep.figures.hyperparameters import importances, slices

    names, trials = study.hyperparameters, study.ranked
    found = influence_of(trials, names, study.space)
    blocks: list[Block] = []
    if found.problem is not None:
        blocks.append(Paragraph(text=f"No importances: {found.problem}"))
    else:
        ordered = sorted(found.shares.items(), key=lambda each: -each[1])
        told = ", ".join(f"{name} {percent(share, 0)}" for name, share in ordered)
        blocks += [
            Paragraph(text=f"{EXPLANATION} With {found.trials} trials they are a hint, not a measurement."),
            Picture(
                name=f"{study.key}-importances",
                alt=f"Importances: {told}.",
                draw=partial(importances, dict(ordered), title="Importances"),
            ),
            Table(
                caption="Importances",
                columns=("hyperparameter", "share"),
                rows=[Row(cells=[name, percent(share, 1)]) for name, share in ordered],
            ),
        ]
    if found.constant:
        blocks.append(Paragraph(text=f"The same in all trials: {', '.join(found.constant)}."))
    if found.partial:
        blocks.append(Paragraph(text=f"Not had by every network, so left out: {', '.join(found.partial)}."))
    panels = []
    for name in names:
        having = [trial for trial in trials if trial.config and name in trial.config]
        values = [(trial.config or {})[name] for trial in having]
        accuracies = [trial.value or 0.0 for trial in having]
        if values:
            panels.append(Slice(name=name, values=values, objective=accuracies, log=is_log(name, study.space)))
    if panels:
        blocks.append(
            Picture(
                name=f"{study.key}-slices",
                alt=f"Validation accuracy over each hyperparameter: {', '.join(each.name for each in panels)}.",
                caption="Complete trials; where a regulariser is off, the trial stands in a lane named off.",
                draw=partial(slices, panels, title="Slices"),
            )
        )
    reading = "A hyperparameter matters where its values part the trials into better and worse."
    return Section(title="Hyperparameters", anchor=f"{study.key}-parameters", reading=reading, blocks=blocks)


def cost(study: StudyFacts) -> Section:
    """Accuracy against cost: validation accuracy of ours, then test accuracy beside the report's."""
    from sweep.figures.studies import accuracy_against_cost

    ours = [_point(trial, trial.value, _kind(study, trial)) for trial in study.ranked]
    found = [point for point in ours if point is not None]
    measured = [
        _point(trial, trial.measure("test_accuracy"), PointKind.BASELINE)
        for trial in study.ranked
        if trial.baseline is not None
    ]
    tested = [*_reported(study), *(point for point in measured if point is not None)]
    blocks: list[Block] = []
    if found:
        cheapest = min(found, key=lambda point: point.macs)
        blocks.append(
            Picture(
                name=f"{study.key}-cost",
                alt=f"Validation accuracy over MMACs of {len(found)} trials; the cheapest is {cheapest.name} with "
                f"{millions(cheapest.macs)} MMACs and {percent(cheapest.accuracy)}.",
                caption="Validation accuracy of this study's trials.",
                draw=partial(
                    accuracy_against_cost, found, title="Accuracy and cost, validation", measure="validation accuracy"
                ),
            )
        )
    else:
        blocks.append(Paragraph(text="No complete trial recorded its cost."))
    if tested:
        blocks.append(
            Picture(
                name=f"{study.key}-test-cost",
                alt=f"Test accuracy over MMACs of the reported experiments: {len(tested)} points, as reported and as "
                "run here.",
                caption="Test accuracy of the reported experiments: as the report has it, and as run here. It is drawn "
                "apart from validation accuracy, which is measured on other images.",
                draw=partial(accuracy_against_cost, tested, title="Accuracy and cost, test", measure="test accuracy"),
            )
        )
    items = ["MMACs are millions of multiply-accumulates of one image's forward pass, counted from the layers."]
    blocks.append(Listing(items=items))
    reading = "Up is better, left is cheaper; nothing below the line is worth its cost."
    return Section(title="Accuracy against cost", anchor=f"{study.key}-cost", reading=reading, blocks=blocks)


def _point(trial: TrialFacts, accuracy: float | None, kind: PointKind) -> CostPoint | None:
    macs = trial.measure("forward_macs")
    if macs is None or accuracy is None or not math.isfinite(macs):
        return None
    return CostPoint(name=trial.baseline or f"trial {trial.number}", macs=macs, accuracy=accuracy, kind=kind)


def _reported(study: StudyFacts) -> list[CostPoint]:
    """The report's own points, where the study's images are the report's."""
    if study.space is None:
        return []
    points = []
    for experiment in study.space.reported:
        plan = plan_of(study, dict(experiment.configuration))
        if plan is not None and not of_starting_point(experiment, study.identity):
            accuracy = experiment.metrics.test_accuracy
            macs, kind = float(plan.forward_macs), PointKind.REPORTED
            points.append(CostPoint(name=experiment.id, macs=macs, accuracy=accuracy, kind=kind))
    return points
