"""The command that holds a study against the report: baselines."""

import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import optuna
from rich.table import Table

from sweep.baselines import FEWEST_RANKS, TOLERANCE, Comparison, Verdict, compare, rank_correlation, why_nothing
from sweep.cli.options import Place
from sweep.cli.place import reading_store
from sweep.cli.streams import notes, out
from sweep.documents import to_json
from sweep.identity import read_identity
from sweep.sizes import counted

METRICS = ("loss", "precision", "recall", "F1", "RMSE")  # as `metric_pairs` gives them
HEADINGS = ("experiment", "reported\n%", "repro-\nduced %", "points", *METRICS, "verdict")
DISPENSABLE = frozenset({"precision", "recall", "F1"})  # left out of a terminal of fewer than 100 columns


def baselines(name: str, place: Place, *, tolerance: float | None, json: bool) -> None:
    """The reported experiments beside their reproductions."""
    tolerance = TOLERANCE if tolerance is None else tolerance
    with reading_store(place) as store:
        study = store.load(name)
        rows = compare(study, tolerance=tolerance)
        nothing = None if rows else why_nothing(study)
        title = _title(study)
    if nothing is not None:
        notes.print(nothing)
    if json:
        sys.stdout.write(to_json([row.to_dict() for row in rows]))
    elif rows:
        out.print(comparison_table(title, rows, width=out.width))
        for line in (*footnotes(rows), *summary(rows, tolerance=tolerance)):
            out.print(line)


def comparison_table(title: str, rows: Sequence[Comparison], *, width: int) -> Table:
    """One row per reported experiment.

    Args:
        title: What stands above.
        rows: The comparisons.
        width: Columns to be had. Precision, recall and F1 are left out where they do not fit.
    """
    whole = _table(title, rows, HEADINGS)
    unlimited = out.options.update(max_width=10 * width)
    if out.measure(whole, options=unlimited).maximum <= width:
        return whole
    return _table(title, rows, [heading for heading in HEADINGS if heading not in DISPENSABLE])


def _table(title: str, rows: Sequence[Comparison], headings: Sequence[str]) -> Table:
    table = Table(
        title=title,
        caption="on test images, reported→reproduced; points: reproduced less reported %; *: see below",
        title_justify="left",
        caption_justify="left",
        header_style="bold",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        box=None,
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading in ("experiment", "verdict") else "right", no_wrap=True)
    general = _general_notes(rows)
    for row in rows:
        cells = dict(zip(HEADINGS, _cells(row, general), strict=True))
        table.add_row(*(cells[heading] for heading in headings), style="dim" if row.reproduced is None else None)
    return table


def footnotes(rows: Sequence[Comparison]) -> list[str]:
    """What holds for every row, then the report's contradictions and the notes behind their experiments."""
    general = _general_notes(rows)
    about: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        for note in _special_notes(row, general):
            about[note].append(row.id)
    return [*general, *(f"* {', '.join(ids)}: {note}" for note, ids in about.items())]


def _general_notes(rows: Sequence[Comparison]) -> list[str]:
    """Notes that every row has, and so need no mark."""
    return [note for note in rows[0].notes if all(note in row.notes for row in rows)]


def _special_notes(row: Comparison, general: Sequence[str]) -> list[str]:
    reasons = (second.reason for second in row.alternatives)
    return [*reasons, *(note for note in row.notes if note not in general)]


def summary(rows: Sequence[Comparison], *, tolerance: float) -> list[str]:
    """Counts of verdicts, and whether the experiments are in the report's order."""
    counts = Counter(row.verdict for row in rows)
    verdicts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    if counts[None]:
        verdicts.append(f"{counts[None]} without a verdict")
    lines = [f"{counted(len(rows), 'experiment')}: {', '.join(verdicts)}; tolerance {tolerance:g} points."]
    run = [row for row in rows if row.reproduced is not None]
    if len(run) < FEWEST_RANKS:
        return [*lines, f"Rank correlation: none yet, {len(run)} of at least {FEWEST_RANKS} experiments were run."]
    look = " of a quick look" if counts[Verdict.QUICK_LOOK] else ""
    correlation = rank_correlation(run)
    if correlation is None:
        return [*lines, f"Rank correlation{look}: none, all {len(run)} experiments have the same test accuracy."]
    lines.append(
        f"Rank correlation{look} (Spearman) between reported and reproduced test accuracy: "
        f"{correlation:.2f} over {len(run)} experiments."
    )
    in_report = _first({row.id: row.reported.test_accuracy for row in run})
    here = _first({row.id: row.reproduced.test_accuracy for row in run if row.reproduced is not None})
    same = in_report == here
    return [
        *lines,
        f"First in the report and here: {here}." if same else f"First in the report: {in_report}; here: {here}.",
    ]


def _first(accuracies: Mapping[str, float]) -> str:
    highest = max(accuracies.values())
    return ", ".join(name for name, accuracy in accuracies.items() if accuracy == highest)


def _title(study: optuna.Study) -> str:
    identity = read_identity(study)
    quick = identity is not None and identity.quick_look
    return f"{study.study_name}: quick look, no verdict on the report" if quick else study.study_name


def _cells(row: Comparison, general: Sequence[str]) -> tuple[str, ...]:
    reported, reproduced = row.reported, row.reproduced
    accuracy = None if reproduced is None else reproduced.test_accuracy
    return (
        row.id + ("*" if _special_notes(row, general) else ""),
        f"{100 * reported.test_accuracy:.2f}",
        "" if accuracy is None else f"{100 * accuracy:.2f}",
        "" if row.difference is None else f"{row.difference:+.2f}",
        *metric_pairs(row),
        row.verdict or "no verdict",
    )


def metric_pairs(row: Comparison) -> tuple[str, str, str, str, str]:
    """One cell for each of `METRICS`: `0.92→0.93`, or the reported value alone where there is no other."""
    reported, reproduced = row.reported, row.reproduced
    return (
        _pair(reported.test_loss, None if reproduced is None else reproduced.test_loss, 3),
        _pair(reported.precision, None if reproduced is None else reproduced.precision, 2),
        _pair(reported.recall, None if reproduced is None else reproduced.recall, 2),
        _pair(reported.f1, None if reproduced is None else reproduced.f1, 2),
        _pair(reported.rmse, None if reproduced is None else reproduced.rmse, 2),
    )


def _pair(reported: float, reproduced: float | None, digits: int) -> str:
    if reproduced is None:
        return f"{reported:.{digits}f}"
    # The loss of a network that was hardly trained has several digits before the point.
    room = digits if reproduced < 10 else 1 if reproduced < 100 else 0
    return f"{reported:.{digits}f}→{reproduced:.{room}f}"
