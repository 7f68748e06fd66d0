"""Sections about how a study went: failures, what it cost, who saw the test images."""

from collections import Counter, defaultdict
from datetime import datetime

from sweep.duration import format_duration
from sweep.report.blocks import Block, Facts, Notice, Paragraph, Row, Section, Table
from sweep.report.facts import StudyFacts, TrialFacts
from sweep.report.wording import MISSING, count, ranges, seconds, shortened
from sweep.sizes import counted

MOST_PRUNED = 20  # rows of a table


def failures(study: StudyFacts) -> Section:
    """What failed, what was pruned, what was proposed twice."""
    rows = []
    kinds: dict[str, list[TrialFacts]] = defaultdict(list)
    for trial in study.of_state("FAIL"):
        kinds[str(trial.attributes.get("failure") or "unknown")].append(trial)
    for kind, trials in kinds.items():
        told = Counter(shortened(trial.attributes.get("failure_message") or "no message") for trial in trials)
        messages = " · ".join(f"{text} ({times} times)" if times > 1 else text for text, times in told.most_common(3))
        rows.append(Row(cells=[kind, count(len(trials)), ranges(trial.number for trial in trials), messages]))
    blocks: list[Block] = []
    if rows:
        columns = ("kind", "number", "trials", "message")
        blocks.append(Table(caption="Failures by kind", columns=columns, rows=rows, texts=("trials", "message")))
    else:
        blocks.append(Paragraph(text="No trial failed."))
    pruned = study.of_state("PRUNED")
    saved = counted(study.status["epochs_saved"] or 0, "epoch")
    numbers = ranges(trial.number for trial in pruned)
    told_pruned = f"{counted(len(pruned), 'trial was', 'trials were')} pruned ({numbers}), which saved {saved}"
    blocks.append(Paragraph(text=f"{told_pruned}." if pruned else "No trial was pruned."))
    if pruned:
        reasons = [
            Row(cells=[f"trial {trial.number}", trial.title, shortened(trial.attributes.get("pruned_because") or "")])
            for trial in pruned[:MOST_PRUNED]
        ]
        headings = ("trial", "configuration", "because")
        caption = f"Pruned trials, the first {MOST_PRUNED}"
        blocks.append(Table(caption=caption, columns=headings, rows=reasons, texts=headings))
    repeats = [trial for trial in study.trials if trial.is_repeat]
    again = [f"{trial.number} as {trial.attributes['reused_from']}" for trial in repeats]
    if again:
        told_again = f"{counted(len(again), 'proposal')} repeated a finished configuration and was not trained again"
        blocks.append(Paragraph(text=f"{told_again}: trial {', trial '.join(again)}."))
    else:
        blocks.append(Paragraph(text="No configuration was proposed twice."))
    reading = "A failed trial does not count towards the trials wanted; a pruned one and a repeat do."
    title = "Failures, pruning, repeats"
    return Section(title=title, anchor=f"{study.key}-failures", reading=reading, blocks=blocks)


def spent(study: StudyFacts) -> Section:
    """The budget that was used."""
    trained = {trial.number: trial.trained_seconds for trial in study.trials}
    known = [each for each in trained.values() if each is not None]
    attempts = sum(trial.state != "WAITING" for trial in study.trials)
    retries = [trial for trial in study.trials if "retry_of" in trial.attributes]
    epochs = sum(trial.measure("epochs_run") or 0.0 for trial in study.trials if not trial.is_repeat)
    again = counted(len(retries), "retry", "retries")
    finished, wanted = study.standing.finished, study.budget.trials
    rows = [
        ("Trials", f"{finished:,} finished of {wanted:,} wanted"),
        ("Training time", f"{seconds(sum(known))} in all, {counted(len(known), 'trial')}" if known else "none"),
        ("Epochs", f"{count(epochs)} trained; {counted(study.status['epochs_saved'] or 0, 'epoch')} saved by pruning"),
        ("From first to last", _span(study)),
        ("Attempts", f"{attempts:,}, of which {again} after a crash or an interruption"),
        ("Runs", counted(sum(run.get("event") in ("start", "join") for run in study.runs), "worker") + " began"),
    ]  # fmt: skip
    blocks: list[Block] = [Facts(rows=rows)]
    if study.runs:
        events = [
            Row(cells=[str(run.get("at", MISSING)), str(run.get("event", MISSING)), str(run.get("host", MISSING)),
                       str(run.get("reason") or "")])
            for run in study.runs[-12:]
        ]  # fmt: skip
        columns = ("time (UTC)", "event", "host", "reason")
        blocks.append(Table(caption="Who worked on it, the last 12 events", columns=columns, rows=events,
                            texts=columns))  # fmt: skip
    reading = "What the answer cost. Time is that of training, without waiting and starting up."
    return Section(title="Budget used", anchor=f"{study.key}-spent", reading=reading, blocks=blocks)


def looks_at_test_images(study: StudyFacts) -> Section:
    """How often the test images were looked at."""
    measured = [trial for trial in study.trials if "test_accuracy" in trial.attributes and not trial.is_repeat]
    others = [trial for trial in measured if trial.baseline is None]
    times = counted(len(measured), "trial was", "trials were")
    blocks: list[Block] = [
        Paragraph(
            text=f"{times} measured on the test images: {ranges(trial.number for trial in measured)}. Reported "
            "experiments are measured on them, to be held against the report, whose numbers are test accuracies; "
            "what is searched never is. No choice in this study was made by test accuracy."
        )
    ]
    seeds = sum(len(each.seeds) for each in study.confirmed)
    if seeds or study.exports or study.full is not None:
        later = [counted(seeds, "confirming training", "confirming trainings")] if seeds else []
        later += ["the full model"] if study.full is not None else []
        later += [counted(study.exports, "export")] if study.exports else []
        text = f"After the choice, once each: {', '.join(later)}."
        blocks.append(Paragraph(text=text))
    if others:
        text = f"Trials {ranges(trial.number for trial in others)} are no reported experiments."
        blocks.append(Notice(level="warning", title="Others have seen the test images.", text=text))
    reading = "The more often one looks at the test images, the less a good result on them means."
    return Section(title="Looks at the test images", anchor=f"{study.key}-test", reading=reading, blocks=blocks)


def _span(study: StudyFacts) -> str:
    begun = [trial.start for trial in study.trials if trial.start]
    ended = [trial.complete for trial in study.trials if trial.complete]
    if not begun or not ended:
        return MISSING
    first, last = min(map(datetime.fromisoformat, begun)), max(map(datetime.fromisoformat, ended))
    lasted = format_duration(max(0.0, (last - first).total_seconds()))
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, {lasted} by the clock"
