"""Sections about what was asked, with what it was made, and how to repeat it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from sweep.limits import NetworkLimits
from sweep.recipe import in_words
from sweep.report.blocks import Block, Commands, Facts, Listing, Notice, Paragraph, Row, Section, Table
from sweep.report.commands import enqueue_commands, remarks, rules_in_words, start_command
from sweep.report.facts import StudyFacts, TrialFacts
from sweep.report.wording import ranges
from sweep.standing import End

ENDS = {
    End.TRIALS: "as many trials as asked for are finished",
    End.UNTIL: "the validation accuracy asked for was reached",
    End.TIMEOUT: "the time given to the last run was over; the same command goes on",
    End.STOPPED: "it was stopped; the same command goes on",
    End.EXHAUSTED: "the search space has nothing new to offer",
    End.FAILURES: "too many trials failed in a row",
}


def asked(study: StudyFacts) -> Section:
    """What was asked, and how it ended."""
    identity, now = study.identity, study.standing
    limits = "all images" if identity.limit is None else f"at most {identity.limit:,} images each"
    height, width, channels = identity.image_shape
    colour = "grey" if channels == 1 else f"{channels} channels"
    without = f", without {', '.join(identity.without)}" if identity.without else ""
    recipe = f"{identity.recipe}: {in_words(identity.epochs, identity.patience, identity.batch_size)}"
    status = ", ".join(
        f"{getattr(now, state)} {state}" for state in ("complete", "pruned", "running", "waiting", "failed")
    )
    ended = "not yet" if now.running or now.waiting else "not yet; nothing runs and nothing waits"
    rows = [
        ("Search space", f"family {identity.family}{without}"),
        ("Recipe", recipe),
        ("Data", f"{identity.dataset}, {len(identity.labels)} classes, {height} by {width} pixels, {colour}; {limits}"),
        ("Validation", f"{100 * identity.validation_fraction:g} % of the training images, stratified"),
        ("Search", f"sampler {identity.sampler}{_settings(identity.sampler_settings)}"),
        ("Pruning", f"pruner {identity.pruner}{_settings(identity.pruner_settings)}"),
        ("Seed", str(identity.seed)),
    ]
    if identity.weights is not None:
        rows.append(("Weights of backbones", identity.weights))
    if NetworkLimits.of(identity).any:
        rows.append(("Networks", NetworkLimits.of(identity).in_words()))
    rows += [
        ("Ends at", rules_in_words(study.budget)),
        ("Status", status),
        ("Ended", ended if now.ended is None else f"yes, {ENDS[now.ended]}"),
    ]
    reading = "These terms belong to the study and never change; only what ends it may."
    return Section(title="What was asked", anchor=f"{study.key}-asked", reading=reading, blocks=(Facts(rows=rows),))


def environment(study: StudyFacts) -> Section:
    """Versions, hosts and devices, and where they differ within the study."""
    trained = [trial for trial in study.trials if "versions" in trial.attributes or "backend" in trial.attributes]
    rows, differing = [], []
    for name, values in _surroundings(trained).items():
        if len(values) > 1:
            differing.append(name)
        for index, (value, numbers) in enumerate(values.items()):
            where = "all" if len(values) == 1 else ranges(numbers)
            rows.append(Row(cells=[name if index == 0 else f"{name}, too", value, where]))
    blocks: list[Block] = []
    if differing:
        text = f"{', '.join(differing)}: trials may differ by more than their configuration."
        blocks.append(Notice(level="warning", title="Not the same for all trials.", text=text))
    if rows:
        blocks.append(
            Table(caption="What trials were trained with", columns=("what", "value", "trials"), rows=rows,
                  texts=("value", "trials"))
        )  # fmt: skip
    else:
        blocks.append(Paragraph(text="No trial recorded what it was trained with."))
    reading = "Trials are comparable where these agree; a value that only some trials have names them."
    return Section(title="Environment", anchor=f"{study.key}-environment", reading=reading, blocks=blocks)


def repeating(study: StudyFacts) -> Section:
    """The exact commands."""
    blocks = (Commands(lines=[start_command(study), *enqueue_commands(study)]), Listing(items=remarks(study)))
    reading = "These commands, in an empty folder, make the same study again."
    return Section(title="How to repeat it", anchor=f"{study.key}-repeating", reading=reading, blocks=blocks)


def _settings(settings: Mapping[str, Any]) -> str:
    return f" ({', '.join(f'{name} {value}' for name, value in settings.items())})" if settings else ""


def _surroundings(trials: list[TrialFacts]) -> dict[str, dict[str, list[int]]]:
    """What each trial was trained with: by name and value, the numbers of the trials."""
    found: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    libraries = {name for trial in trials for name in _versions(trial)}
    names = {"backend": "backend", "device": "device", "dtype_policy": "dtype policy", "host": "host",
             "git_commit": "commit of sweep", "weights": "weights of backbones"}  # fmt: skip
    for trial in trials:
        for name in sorted(libraries):
            found[name][_versions(trial).get(name, "not recorded")].append(trial.number)
        for name, words in names.items():
            if any(name in other.attributes for other in trials) and trial.state == "COMPLETE":
                value = trial.attributes.get(name)
                found[words]["not recorded" if value is None else str(value)].append(trial.number)
    return found


def _versions(trial: TrialFacts) -> dict[str, str]:
    versions = trial.attributes.get("versions")
    return {str(name): str(value) for name, value in versions.items()} if isinstance(versions, Mapping) else {}
