"""Sections about what came out: the reported experiments, and the best trials beside them."""

from collections import Counter
from functools import partial

from search_spaces import ConfigurationError
from search_spaces.plan import LayerPlan
from sweep.baselines import FEWEST_RANKS, TOLERANCE, Comparison, Verdict, rank_correlation
from sweep.report.blocks import Block, Listing, Paragraph, Picture, Row, Section, Table
from sweep.report.facts import StudyFacts, TrialFacts
from sweep.report.wording import MISSING, count, millions, number, percent, points, seconds
from sweep.sizes import counted
from sweep.titles import format_value

MOST_TRIALS = 10  # of the best, in the table; reported experiments come besides


def baselines(study: StudyFacts) -> Section:
    """The reported experiments beside their reproductions."""
    rows = study.comparisons
    reading = "Held against the report on the test images; points are reproduced less reported percent."
    blocks: list[Block] = []
    if not rows:
        blocks.append(Paragraph(text=study.nothing_reported or "Nothing was reported for this search space."))
    else:
        blocks += [_comparison_table(rows), Listing(items=[*_summary(rows), *_notes(rows)])]
        if any(row.reproduced is not None for row in rows):
            blocks.append(_reported_against_reproduced(study))
    return Section(title="Reported experiments", anchor=f"{study.key}-baselines", reading=reading, blocks=blocks)


def _comparison_table(rows: tuple[Comparison, ...]) -> Table:
    columns = ("experiment", "trial", "reported %", "reproduced %", "points", "loss", "F1", "RMSE", "verdict")
    return Table(
        caption="Test images: reported → reproduced",
        columns=columns,
        texts=("verdict",),
        rows=[
            Row(
                cells=[
                    row.id,
                    MISSING if row.trial is None else str(row.trial),
                    number(100 * row.reported.test_accuracy, 2),
                    number(None if row.reproduced is None else 100 * row.reproduced.test_accuracy, 2),
                    points(row.difference),
                    *(
                        _pair(getattr(row.reported, name), getattr(row.reproduced, name, None), digits)
                        for name, digits in (("test_loss", 3), ("f1", 2), ("rmse", 2))
                    ),
                    row.verdict or "no verdict",
                ],
                look="muted" if row.reproduced is None else None,
            )
            for row in rows
        ],
    )


def _pair(reported: float, reproduced: float | None, digits: int) -> str:
    old = f"{reported:.{digits}f}"
    return old if reproduced is None else f"{old} → {number(reproduced, digits)}"


def _summary(rows: tuple[Comparison, ...]) -> list[str]:
    counts = Counter(row.verdict or "no verdict" for row in rows)
    verdicts = ", ".join(f"{times} {verdict}" for verdict, times in counts.items())
    told = [f"{counted(len(rows), 'experiment')}: {verdicts}. Within {TOLERANCE:g} points is the same."]
    run = [row for row in rows if row.reproduced is not None]
    correlation = rank_correlation(run)
    if correlation is not None:
        look = ", of a quick look" if counts[Verdict.QUICK_LOOK] else ""
        told.append(
            f"Rank correlation (Spearman) between reported and reproduced test accuracy: {correlation:.2f} over "
            f"{len(run)} experiments{look}. 1 is the report's order, 0 no relation to it, -1 its reverse."
        )
    elif len(run) < FEWEST_RANKS:
        told.append(f"Rank correlation: none yet; {len(run)} of at least {FEWEST_RANKS} experiments were run.")
    else:
        told.append("Rank correlation: none; all experiments have the same test accuracy.")
    return told


def _notes(rows: tuple[Comparison, ...]) -> list[str]:
    """What holds for all experiments, then each one's own."""
    general = [note for note in rows[0].notes if all(note in row.notes for row in rows)]
    told = [*general]
    for row in rows:
        own = [second.reason for second in row.alternatives] + [note for note in row.notes if note not in general]
        if own:
            told.append(f"{row.id}: {' '.join(own)}")
    return told


def _reported_against_reproduced(study: StudyFacts) -> Picture:
    from sweep.figures.studies import reported_against_reproduced

    rows = study.comparisons
    reproduced = [None if row.reproduced is None else row.reproduced.test_accuracy for row in rows]
    run = sum(value is not None for value in reproduced)
    return Picture(
        name=f"{study.key}-reproduced",
        alt=f"Reported against reproduced test accuracy of {run} experiments; the table above has the numbers.",
        caption="Each experiment is a point; on the diagonal it reproduces the report, above it is better."
        + (" This is a quick look: where its points lie is no verdict." if study.identity.quick_look else ""),
        draw=partial(
            reported_against_reproduced,
            [row.id for row in rows],
            [row.reported.test_accuracy for row in rows],
            reproduced,
            TOLERANCE,
            title="Reported and reproduced",
        ),
    )


def top_trials(study: StudyFacts) -> Section:
    """The best trials and the reported experiments that were run."""
    ranked = study.ranked
    first = ranked[:MOST_TRIALS]
    shown = [*first, *(trial for trial in ranked[MOST_TRIALS:] if trial.baseline is not None)]
    keys = study.hyperparameters
    columns = ("rank", "trial", "experiment", *(key.replace("_", " ") for key in keys),
               "validation %", "test %", "parameters", "MMACs", "trained")  # fmt: skip
    places = {trial.number: place for place, trial in enumerate(ranked, start=1)}
    rows = [
        Row(
            cells=[
                str(places[trial.number]),
                str(trial.number),
                trial.baseline or "searched",
                *(_setting(trial, key) for key in keys),
                number(None if trial.value is None else 100 * trial.value, 2),
                _test(trial),
                count(trial.measure("parameters")),
                millions(trial.measure("forward_macs")),
                seconds(trial.measure("train_seconds")),
            ],
            look="best" if trial is study.best else None,
        )
        for trial in shown
    ]
    blocks: list[Block] = []
    if rows:
        left = len(ranked) - len(rows)
        caption = f"The best {min(MOST_TRIALS, len(ranked))} trials and every reported experiment"
        caption += f"; {counted(left, 'searched trial')} further down left out" if left else ""
        blocks.append(Table(caption=caption, columns=columns, rows=rows, texts=("experiment",)))
        blocks += _network(study)
    else:
        blocks.append(Paragraph(text="No trial is complete yet."))
    reading = (
        "Ranked by validation accuracy, of the best epoch in float32; test accuracy is measured for reported "
        "experiments only and does not rank."
    )
    return Section(title="Best against baselines", anchor=f"{study.key}-best", reading=reading, blocks=blocks)


def _setting(trial: TrialFacts, key: str) -> str:
    config = trial.config or {}
    return format_value(config[key]) if key in config else MISSING


def _test(trial: TrialFacts) -> str:
    accuracy = trial.measure("test_accuracy")
    return MISSING if accuracy is None else number(100 * accuracy, 2)


def _network(study: StudyFacts) -> list[Block]:
    best = study.best
    plan = None if best is None else plan_of(study, best.config)
    if best is None or plan is None:
        return []
    from sweep.figures.architecture import architecture, layers_in_words

    return [
        Picture(
            name=f"{study.key}-network",
            alt=f"The layers of trial {best.number}: {layers_in_words(plan)}, {plan.parameters:,} parameters, "
            f"{percent(best.value)} validation accuracy.",
            caption="The best trial's network, from the image at the top to the classes at the bottom.",
            draw=partial(architecture, plan, title=f"Trial {best.number}: {best.title}"),
        )
    ]


def plan_of(study: StudyFacts, configuration: object) -> LayerPlan | None:
    """The layers of a configuration on the study's images, or None where that cannot be known."""
    if study.space is None or not isinstance(configuration, dict):
        return None
    try:
        made = study.space.from_dict(configuration)
        return made.plan(study.identity.image_shape, len(study.labels))
    except ConfigurationError:
        return None  # of an older version of its family
