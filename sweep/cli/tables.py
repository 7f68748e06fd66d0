"""Tables for people, and what they may type next."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from sweep.cli.options import Place
from sweep.duration import format_duration
from sweep.standing import Standing
from sweep.titles import format_value

MARKS = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def trials_table(name: str, trials: Sequence[dict[str, Any]], *, quick_look: bool) -> Table:
    """One row per trial, the best marked."""
    title = f"{name}: quick look, no verdict on the report" if quick_look else name
    table = Table(title=title, title_justify="left", header_style="bold", pad_edge=False, box=None)
    for heading in ("trial", "state", "experiment"):
        table.add_column(heading, no_wrap=True)
    keys = list(dict.fromkeys(key for trial in trials for key in trial["config"] or {} if key != "family"))
    for heading in (*keys, "val", "test", "epoch", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
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
            _percent(trial["value"]) + ("*" if is_best else ""),
            _percent(attributes.get("test_accuracy")),
            str(attributes.get("best_epoch", "")),
            format_duration(attributes["train_seconds"]) if "train_seconds" in attributes else "",
            style="bold" if is_best else "dim" if trial["state"] == "FAIL" else None,
        )
    if best is not None:
        table.caption = "* best validation accuracy; test images are measured for reported experiments only"
        table.caption_justify = "left"
    return table


def next_steps(name: str, now: Standing, place: Place) -> list[str]:
    """What to type next, with what it does."""
    where = "" if str(place.home) == "sweep-data" else f" --home {place.home}"
    steps = [(f"sweep trials {name}{where} --json", "every trial with all its measures")]
    if now.best is not None:
        steps += [
            (f"sweep show {name} {now.best.number}{where}", "the best trial"),
            (f"sweep export {name} --out best.json{where}", "its configuration, as a file"),
        ]
    if place.storage is None:
        steps.append((f"optuna-dashboard sqlite:///{place.home}/sweep.db", "browse the trials"))
    width = max(len(command) for command, _ in steps)
    return ["Next:", *(f"  {command:<{width}}  {what}" for command, what in steps)]


def _state(trial: dict[str, Any]) -> str:
    attributes = trial["user_attrs"]
    if "reused_from" in attributes:
        return f"as trial {attributes['reused_from']}"
    if trial["state"] == "FAIL":
        return f"failed: {attributes.get('failure', 'unknown')}"
    return MARKS[trial["state"]]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.1f} %"
