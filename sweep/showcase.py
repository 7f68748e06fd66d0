"""What the dashboard shows of a study as a whole: its note, short notes of trials that ended badly, two plots."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import SearchSpace
from storage.dashboard import write_note, write_plot, write_trial_notes
from sweep.baselines import Comparison, compare
from sweep.budget import read_budget
from sweep.identity import Identity
from sweep.recipe import in_words
from sweep.standing import Standing, standing
from sweep.titles import title_of

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

# Okabe and Ito's colours, which the colour-blind tell apart as well.
BLUE, ORANGE, GREEN = "#0072B2", "#E69F00", "#009E73"


def refresh(study: optuna.Study, space: SearchSpace, identity: Identity) -> None:
    """Bring a study's note, its trials' notes and its plots up to date."""
    trials = study.get_trials(deepcopy=False)
    now = standing(trials, read_budget(study), study.user_attrs)
    rows = compare(study)
    write_note(study, study_note(study, space, identity, now, rows))
    write_trial_notes(study, trial_notes(trials))
    if any(row.reproduced is not None for row in rows):
        write_plot(study, "reported-against-reproduced", reported_against_reproduced(rows))
    if now.complete:
        write_plot(study, "accuracy-against-cost", accuracy_against_cost(trials, rows))


def study_note(
    study: optuna.Study, space: SearchSpace, identity: Identity, now: Standing, rows: Sequence[Comparison]
) -> str:
    """What is swept, how far it is, what became of the reported experiments, and how to take the best along."""
    name, budget = study.study_name, read_budget(study)
    typed = shlex.quote(name)
    amount = "all images" if identity.limit is None else f"{identity.limit:,} images"
    lines = [f"# {name}", ""]
    if identity.quick_look:
        lines += [f"**A quick look: {amount}, at most {identity.epochs} epochs. No verdict on the report.**", ""]
    lines += [
        f"Family `{identity.family}` on `{identity.dataset}` ({amount}), recipe `{identity.recipe}`:",
        f"{in_words(identity.epochs, identity.patience, identity.batch_size)}, seed {identity.seed}.",
        f"Searched with {identity.sampler}, pruner {identity.pruner}: {', '.join(space.distributions)}.",
        "",
        f"{now.finished} of {budget.trials} trials finished ({now.complete} complete, {now.pruned} pruned),",
        f"{now.running} running, {now.waiting} waiting, {now.failed} failed.",
    ]
    if now.ended:
        lines.append(f"Ended: {now.ended}.")
    if now.best is not None:
        attributes = study.get_trials(deepcopy=False)[now.best.number].user_attrs
        title = title_of(attributes, attributes.get("config"))
        lines += [
            "",
            f"**Best: trial {now.best.number}** ({title}), {now.best.value:.2%} of the validation images.",
            "",
            f"    sweep show {typed} {now.best.number}",
            f"    sweep export {typed} --out model",
        ]
    if rows:
        lines += ["", "| experiment | reported % | reproduced % | points | verdict |", "|---|---|---|---|---|"]
        lines += [_row(row) for row in rows]
        lines += ["", f"Test accuracies; `sweep baselines {typed}` has the other measures."]
    return "\n".join(lines) + "\n"


def _row(row: Comparison) -> str:
    reproduced = "" if row.reproduced is None else f"{row.reproduced.test_accuracy:.2%}".rstrip("%")
    difference = "" if row.difference is None else f"{row.difference:+.2f}"
    return (
        f"| {row.id} | {100 * row.reported.test_accuracy:.2f} | {reproduced} | {difference} "
        f"| {row.verdict or 'no verdict'} |"
    )


def trial_notes(trials: Sequence[FrozenTrial]) -> dict[int, str]:
    """Why trials failed or were pruned, by number."""
    notes = {}
    for trial in trials:
        attributes = trial.user_attrs
        if trial.state is TrialState.PRUNED and "pruned_because" in attributes:
            notes[trial.number] = f"{str(attributes['pruned_because']).capitalize()}."
        elif trial.state is TrialState.FAIL and "failure" in attributes:
            message = str(attributes.get("failure_message", "")).replace("`", "'")
            notes[trial.number] = f"Failed ({attributes['failure']}): `{message}`"
    return notes


def reported_against_reproduced(rows: Sequence[Comparison]) -> "Figure":
    """Test accuracies of the reported experiments, here and in the report."""
    run = [(row, row.reproduced) for row in rows if row.reproduced is not None]
    reported = [100 * row.reported.test_accuracy for row, _ in run]
    reproduced = [100 * found.test_accuracy for _, found in run]
    figure = _figure("Reported experiments: test accuracy", "reported, %", "reproduced, %")
    ends = [min(reported + reproduced) - 0.2, max(reported + reproduced) + 0.2]
    figure.add_scatter(x=ends, y=ends, mode="lines", name="as reported", line={"color": "#999999", "dash": "dash"})
    figure.add_scatter(
        x=reported,
        y=reproduced,
        mode="markers",
        name="experiments",
        text=[row.id for row, _ in run],
        hovertemplate="%{text}<br>reported %{x:.2f} %<br>reproduced %{y:.2f} %<extra></extra>",
        marker={"color": BLUE, "size": 10},
    )
    return figure


def accuracy_against_cost(trials: Sequence[FrozenTrial], rows: Sequence[Comparison]) -> "Figure":
    """Validation accuracy of each trial against what one image costs, beside the reported test accuracies."""
    figure = _figure("Accuracy against cost", "MMACs for one image", "accuracy, %")
    figure.update_xaxes(type="log")
    complete = [
        trial for trial in trials if trial.state is TrialState.COMPLETE and trial.user_attrs.get("forward_macs")
    ]
    costs: dict[str, float] = {}
    for name, colour, symbol, of_baselines in (
        ("reported experiments, validation", BLUE, "square", True),
        ("searched, validation", ORANGE, "circle", False),
    ):
        shown = [trial for trial in complete if ("baseline" in trial.user_attrs) is of_baselines]
        figure.add_scatter(
            x=[trial.user_attrs["forward_macs"] / 1e6 for trial in shown],
            y=[100 * (trial.value or 0.0) for trial in shown],
            mode="markers",
            name=name,
            text=[
                f"trial {trial.number}: {title_of(trial.user_attrs, trial.user_attrs.get('config'))}" for trial in shown
            ],
            hovertemplate="%{text}<br>%{x:.1f} MMACs<br>%{y:.2f} %<extra></extra>",
            marker={"color": colour, "symbol": symbol, "size": 9},
        )
        costs |= {
            trial.user_attrs["baseline"]: trial.user_attrs["forward_macs"] / 1e6
            for trial in shown
            if "baseline" in trial.user_attrs
        }
    said = [row for row in rows if row.id in costs]
    if said:
        figure.add_scatter(
            x=[costs[row.id] for row in said],
            y=[100 * row.reported.test_accuracy for row in said],
            mode="markers",
            name="as the report says, test",
            text=[row.id for row in said],
            hovertemplate="%{text}<br>%{x:.1f} MMACs<br>%{y:.2f} %<extra></extra>",
            marker={"color": GREEN, "symbol": "x", "size": 9},
        )
    return figure


def _figure(title: str, x: str, y: str) -> "Figure":
    from plotly.graph_objects import Figure

    # No template: the default one is several kilobytes, rewritten into the store at every trial's end.
    figure = Figure(layout={"template": "none", "title": {"text": title}, "legend": {"orientation": "h", "y": -0.2}})
    figure.update_xaxes(title_text=x)
    figure.update_yaxes(title_text=y)
    return figure
