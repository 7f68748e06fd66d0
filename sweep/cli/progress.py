"""The commands that say how far studies have come; they count trials, and load none where they need not."""

import sys
from typing import Any

from rich.table import Table

from storage import locate
from sweep.cli.counting import open_studies
from sweep.cli.options import Place
from sweep.cli.streams import notes, out
from sweep.cli.watching import watch
from sweep.documents import status_document, study_document, to_json
from sweep.duration import format_duration
from sweep.errors import UsageError
from sweep.identity import Identity
from sweep.limits import NetworkLimits
from sweep.sizes import counted, format_bytes
from sweep.trial_files import TrialFiles

TRAINED_WITH = ("dtype_policy", "backend", "device")


def studies(place: Place, json: bool) -> None:
    """What is stored."""
    with open_studies(place) as store:
        rows = [study_document(store.study(name)) for name in store.study_names()]
    if json:
        sys.stdout.write(to_json(rows))
        return
    if not rows:
        notes.print("No study yet. Begin one: sweep start --family grouped")
        return
    table = Table(header_style="bold", pad_edge=False, box=None)
    for heading in rows[0]:
        table.add_column(heading, justify="left" if heading in ("study", "family") else "right")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for value in row.values()))
    out.print(table)


def status(name: str, place: Place, *, json: bool, follow: bool) -> None:
    """How far a study has come."""
    if json and follow:
        raise UsageError("Choose one of --json and --watch: a document is printed once.")
    if follow:
        watch(lambda: _look(name, place))
    elif json:
        sys.stdout.write(to_json(_document(name, place)))
    else:
        for line in status_lines(_document(name, place)):
            out.print(line)


def status_lines(document: dict[str, Any]) -> list[str]:
    """What `status` prints of its document; the first line is the heading."""
    look = " (quick look: no verdict on the report)" if document["quick_look"] else ""
    complete, pruned = document["complete"], document["pruned"]
    waiting = f"{document['waiting']} waiting{_by_kind(document['queue'])}"
    failed = f"{document['failed']} failed{_by_kind(document['failures'])}"
    lines = [
        f"{document['study']}{look}",
        f"finished  {complete + pruned} of {document['trials_wanted']}: {complete} complete, {pruned} pruned",
        f"others    {document['running']} running, {waiting}, {failed}",
    ]
    if document["best"] is not None:
        best = document["best"]
        lines.append(f"best      {100 * best['value']:.1f} % validation accuracy, trial {best['number']}")
    lines += _difference(document["precisions"])
    if document["disk_bytes"] is not None:
        lines.append(f"disk      {format_bytes(document['disk_bytes'])} in checkpoints, weights and artifacts")
    if document["epochs_saved"]:
        saved = document["epochs_saved"]
        lines.append(f"saved     {saved} epoch{'' if saved == 1 else 's'} by pruning")
    lines += _limits(document["identity"])
    lines += [f"ends      {_rules(document)}", f"ended     {document['ended'] or 'not yet'}"]
    lines += _pace(document["pace"])
    lines += [f"host      {_host(each)}" for each in document["hosts"]]
    lines += [f"running   trial {trial['number']}: {_running(trial)}" for trial in document["running_trials"]]
    if document["running"] > len(document["running_trials"]):
        lines.append(f"running   and {document['running'] - len(document['running_trials'])} more")
    return lines


def _document(name: str, place: Place) -> dict[str, Any]:
    with open_studies(place) as store:
        return status_document(store.study(name), TrialFiles(place.home, name, locate(place.storage, place.home)))


def _look(name: str, place: Place) -> tuple[list[str], bool]:
    """The lines of a study's status, and whether the study has ended."""
    document = _document(name, place)
    return status_lines(document), document["ended"] is not None


def _difference(precisions: list[dict[str, Any]]) -> list[str]:
    """A line with what trials of one study were trained, where that was not the same for all."""
    known = {name: {each[name] for each in precisions} - {None} for name in TRAINED_WITH}
    differing = [name for name in TRAINED_WITH if len(known[name]) > 1]
    if not differing:
        return []
    counts: dict[str, int] = {}
    for each in precisions:
        means = " ".join(each[name] or f"unknown {name}" for name in differing)
        means += f" on {each['host'] or 'an unknown host'}"
        counts[means] = counts.get(means, 0) + each["trials"]
    heading = "precision" if differing == ["dtype_policy"] else "means"
    parts = (f"{means} ({count} trial{'' if count == 1 else 's'})" for means, count in counts.items())
    return [f"{heading:<10}{', '.join(parts)}"]


def _rules(document: dict[str, Any]) -> str:
    rules = [f"at {document['trials_wanted']} finished trials"]
    if document["until"] is not None:
        rules.append(f"at a validation accuracy of {document['until']}")
    rules.append(f"after {document['max_failures']} failures in a row")
    return ", ".join(rules)


def _limits(identity: dict[str, Any] | None) -> list[str]:
    limits = NetworkLimits() if identity is None else NetworkLimits.of(Identity.from_dict(identity))
    return [f"networks  {limits.in_words()}"] if limits.any else []


def _by_kind(counts: dict[str, int]) -> str:
    """Counts by their kind in brackets, the most first; nothing where no kind is known."""
    if not counts.keys() - {"other"}:
        return ""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return f" ({', '.join(f'{count} {kind}' for kind, count in ordered)})"


def _pace(pace: dict[str, Any] | None) -> list[str]:
    if pace is None or not pace["finished"]:
        return []
    an_hour = 3600 * pace["finished"] / pace["seconds"]
    of = f"{counted(pace['finished'], 'trial')} in the last {format_duration(pace['seconds'])}"
    return [f"pace      {counted(round(an_hour), 'trial')} an hour ({of})"]


def _host(host: dict[str, Any]) -> str:
    slots = f" in {counted(host['slots'], 'slot')}" if host["slots"] is not None else ""
    work = f"{counted(host['running'], 'trial')}{slots} of {counted(host['workers'], 'worker')}"
    silence = host["silent_seconds"]
    heard = f", heard of {format_duration(silence)} ago" if silence is not None else ""
    return f"{host['host'] or 'not known yet'}: {work}{heard}"


def _running(trial: dict[str, Any]) -> str:
    if trial["epoch"] is None:
        return f"{trial['title']}, first epoch"
    return f"{trial['title']}, epoch {trial['epoch']} done, {100 * trial['value']:.1f} %"
