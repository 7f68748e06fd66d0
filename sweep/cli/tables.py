"""Tables for people, and what they may type next."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from sweep.cli.options import Place
from sweep.cli.place import where
from sweep.standing import Standing
from sweep.titles import format_value

if TYPE_CHECKING:
    from sweep.confirming.full import FullModel

MARKS = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def trials_table(name: str, trials: Sequence[dict[str, Any]], *, quick_look: bool) -> Table:
    """One row per trial, the best marked."""
    keys = list(dict.fromkeys(key for trial in trials for key in trial["config"] or {} if key != "family"))
    table = Table(
        title=f"{name}: quick look, no verdict on the report" if quick_look else name,
        caption="* best by validation accuracy; test images are measured for baselines and confirmations only",
        title_justify="left",
        caption_justify="left",
        header_style="bold",
        padding=(0, 1, 0, 0),
        box=None,
    )
    table.add_column("trial", justify="right")
    table.add_column("state", no_wrap=True)
    table.add_column("experiment", no_wrap=True)
    for key in keys:
        table.add_column(key.replace("_", " "), justify="right")  # spaces: a heading of two words takes two lines
    confirms = any("confirms" in trial["user_attrs"] for trial in trials)
    for heading in ("confirms", "seed") if confirms else ():
        table.add_column(heading, justify="right")
    for heading in ("val %", "test %", "train time"):
        table.add_column(heading, justify="right")
    values = [trial["value"] for trial in trials if trial["state"] == "COMPLETE" and trial["value"] is not None]
    best = max(values, default=None)
    for trial in trials:
        attributes, config = trial["user_attrs"], trial["config"] or {}
        is_best = trial["state"] == "COMPLETE" and trial["value"] == best
        table.add_row(
            str(trial["number"]),
            _state(trial),
            trial["baseline"] or "",
            *(format_value(config[key]) if key in config else "" for key in keys),
            *((str(attributes.get(name, "")) for name in ("confirms", "seed")) if confirms else ()),
            _percent(trial["value"]) + ("*" if is_best else ""),
            _percent(attributes.get("test_accuracy")),
            _clock(attributes.get("train_seconds")),
            style="bold" if is_best else "dim" if trial["state"] == "FAIL" else None,
        )
    return table


def next_steps(name: str, now: Standing, place: Place, *, reported: bool) -> list[str]:
    """What to type next, with what it does; `reported`: whether the study has reported experiments."""
    study, there = shlex.quote(name), where(place)
    steps = [(f"sweep dashboard{there}", "browse the trials and their figures")]
    if now.best is not None:
        steps += [
            (f"sweep report {study} --out report.html{there}", "one page: what to deploy, and why"),
            *([(f"sweep baselines {study}{there}", "reported against reproduced")] if reported else []),
            (f"sweep show {study} {now.best.number}{there}", "the best trial"),
            (f"sweep confirm {study}{there}", "how good it really is, with other seeds"),
            (f"sweep export {study} --out model{there}", "the best model, as a folder that runs elsewhere"),
        ]
    width = max(len(command) for command, _ in steps)
    return ["Next:", *(f"  {command:<{width}}  {what}" for command, what in steps)]


def outdated_full(model: "FullModel", name: str, place: Place) -> str:
    """That another network than the full model's ranks first now, and how the study `name` gets a new one."""
    return (
        f"The full model is of trial {model.trial}'s network, and another one ranks first now. "
        f"A new one: sweep confirm {shlex.quote(name)} --full{where(place)}"
    )


def _state(trial: dict[str, Any]) -> str:
    attributes = trial["user_attrs"]
    if "reused_from" in attributes:
        return f"as trial {attributes['reused_from']}"
    if trial["state"] == "FAIL":
        return str(attributes.get("failure", "failed"))
    return MARKS[trial["state"]]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f}"


def _clock(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
