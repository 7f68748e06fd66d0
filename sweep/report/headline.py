"""Which model to deploy, and why: the box at the top."""

import shlex
from dataclasses import dataclass

from storage.errors import PlaceError
from sweep.environment import host_name
from sweep.report.blocks import Block, Commands, Facts, Listing, Notice, Paragraph
from sweep.report.facts import StudyFacts, TrialFacts
from sweep.report.noise import FORMULA, Difference, difference, standard_error
from sweep.report.wording import count, millions, number, percent, points, ranges
from sweep.sizes import counted, format_bytes
from sweep.titles import describe


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What to take from a study.

    Attributes:
        sentence: In one sentence.
        box: The reasons.
        warn: Whether it is no basis for a decision.
    """

    sentence: str
    box: tuple[Block, ...]
    warn: bool


def headline_of(study: StudyFacts) -> Headline:
    """Recommend a model, or say why none can be."""
    best = study.best
    if best is None:
        return _nothing(study)
    baseline = study.best_baseline
    compared = None if baseline is None or baseline is best else compare_trials(best, baseline)
    reasons = [*_reasons(study, best, baseline, compared), *_doubts(study, best)]
    blocks: list[Block] = []
    if study.identity.quick_look:
        blocks.append(Notice(level="warning", title="This is a quick look.", text=_quick_look(study)))
    blocks += [
        Listing(items=reasons),
        Facts(rows=_facts(study, best, baseline, compared)),
        Paragraph(text="The model, with its configuration and what it measured, as a folder:"),
        Commands(lines=export_commands(study, best)),
    ]
    name = f"trial {best.number}, {best.title}"
    sentence = f"Nothing to deploy yet; ahead so far is {name}" if study.identity.quick_look else f"Deploy {name}"
    beside = "" if compared is None or baseline is None else f", {_beside(baseline, compared)}"
    return Headline(
        sentence=f"{sentence}: {percent(best.value)} validation accuracy{beside}.",
        box=tuple(blocks),
        warn=study.identity.quick_look,
    )


def _beside(baseline: TrialFacts, compared: Difference) -> str:
    if not compared.is_distinguishable:
        return f"not distinguishable from the best baseline, {baseline.baseline}"
    return f"{number(compared.points, 2)} points above the best baseline, {baseline.baseline}"


def compare_trials(one: TrialFacts, other: TrialFacts) -> Difference | None:
    """One trial's validation accuracy less another's; None where the number of images was not recorded."""
    images, other_images = one.images("val"), other.images("val")
    if one.value is None or other.value is None or images is None or other_images is None:
        return None
    return difference(one.value, images, other.value, other_images)


def cheapest_alternative(study: StudyFacts) -> TrialFacts | None:
    """The network that needs the fewest MACs of those not distinguishable from the best; None if that is the best."""
    best = study.best
    cost = None if best is None else best.measure("forward_macs")
    if best is None or cost is None:
        return None
    cheaper = []
    for trial in study.ranked:
        macs = trial.measure("forward_macs")
        if macs is not None and macs < cost and _are_alike(best, trial):
            cheaper.append((macs, -(trial.value or 0.0), trial.number, trial))
    return min(cheaper)[-1] if cheaper else None


def _are_alike(one: TrialFacts, other: TrialFacts) -> bool:
    """Whether two trials are known not to be distinguishable."""
    compared = compare_trials(one, other)
    return compared is not None and not compared.is_distinguishable


def export_commands(study: StudyFacts, trial: TrialFacts) -> list[str]:
    """What writes a trial's network as a folder that others can use."""
    name = shlex.quote(study.name)
    return [f"sweep export {name} --trial {trial.number} --out model{study.where}"]


def _nothing(study: StudyFacts) -> Headline:
    now = study.standing
    waits = [f"{now.pruned} trials pruned, {now.running} running, {now.waiting} waiting and {now.failed} failed."]
    if now.failed:
        waits.append("The section on failures says what went wrong.")
    if now.pruned and not now.complete:
        waits.append("A pruned trial has no weights: there is nothing to deploy among them.")
    if now.waiting or not now.failed:
        waits.append(f"Go on with: sweep join {shlex.quote(study.name)}{study.where}")
    return Headline(sentence="No model yet: no trial is complete.", box=(Listing(items=waits),), warn=True)


def _quick_look(study: StudyFacts) -> str:
    identity = study.identity
    limits = [] if identity.limit is None else [f"at most {identity.limit:,} images"]
    limits.append(counted(identity.epochs, "epoch"))
    return (
        f"Its networks were trained on {' and '.join(limits)}. It shows that everything works; "
        "it does not say which network is best, nor anything about the report. Do not deploy its models."
    )


def _reasons(
    study: StudyFacts, best: TrialFacts, baseline: TrialFacts | None, compared: Difference | None
) -> list[str]:
    rivals = len(study.ranked)
    highest = f"It has the highest validation accuracy of {rivals} complete trials."
    reasons = ["It is the only complete trial." if rivals == 1 else highest]
    if best is baseline:
        searched = next((trial for trial in study.ranked if trial.baseline is None), None)
        tail = (
            "nothing else was trained yet"
            if searched is None
            else f"the best that the search found is trial {searched.number} with {percent(searched.value)}"
        )
        reasons.append(f"It is the reported experiment {best.baseline} itself: {tail}.")
    elif baseline is None:
        reasons.append("No reported experiment was run here, so there is no baseline to hold it against.")
    elif compared is None:
        reasons.append(
            f"Whether it beats the best baseline, {baseline.baseline} with {percent(baseline.value)}, cannot be said: "
            "on how many images it was validated was not recorded."
        )
    else:
        said = (
            "more than chance explains"
            if compared.is_distinguishable
            else "within the noise: the two are not distinguishable"
        )
        reasons.append(
            f"It is {number(compared.points, 2)} points above the best baseline, {baseline.baseline} (trial "
            f"{baseline.number}) with {percent(baseline.value)}; two standard errors of that difference are "
            f"{number(compared.noise, 2)} points, so this is {said}."
        )
    alike = [trial for trial in study.ranked[1:] if _are_alike(best, trial)]
    if alike:
        numbers = ranges(trial.number for trial in alike)
        reasons.append(f"Not distinguishable from it: {counted(len(alike), 'other trial')} ({numbers}).")
    cheaper = cheapest_alternative(study)
    if cheaper is not None:
        times = (best.measure("forward_macs") or 0.0) / max(1.0, cheaper.measure("forward_macs") or 0.0)
        reasons.append(
            f"If speed matters: trial {cheaper.number}, {cheaper.title}, is not distinguishable from it with "
            f"{percent(cheaper.value)} and needs {number(times, 1)} times fewer MACs."
        )
    return reasons


def _doubts(study: StudyFacts, best: TrialFacts) -> list[str]:
    doubts = []
    if len(study.ranked) > 1:
        doubts.append(
            "It was chosen by the accuracy that is shown, which is therefore a little too high; on new images expect "
            "slightly less."
        )
    if best.measure("test_accuracy") is None:
        doubts.append("It has not seen the test images: they are kept from what is searched.")
    waiting = [row.id for row in study.comparisons if row.reproduced is None]
    if waiting and len(waiting) < len(study.comparisons):
        of_all = f"{len(waiting)} of {counted(len(study.comparisons), 'reported experiment')}"
        doubts.append(f"{of_all} have no result here; the best baseline may be among them.")
    return doubts


def _facts(
    study: StudyFacts, best: TrialFacts, baseline: TrialFacts | None, compared: Difference | None
) -> list[tuple[str, str]]:
    rows = [
        ("Model", _model(best)),
        ("Validation accuracy", _measured(best, "val", best.value)),
        ("Test accuracy", _measured(best, "test", best.measure("test_accuracy"))),
    ]
    if baseline is not None and baseline is not best:
        rows.append(("Best baseline", f"{baseline.baseline}, trial {baseline.number}: {percent(baseline.value)}"))
        if compared is not None:
            verdict = "" if compared.is_distinguishable else ": not distinguishable"
            shown = f"{points(compared.points)} points, noise ±{number(compared.noise, 2)}{verdict}"
            rows.append(("Difference", f"{shown} ({FORMULA})"))
    rows.append(("Size", _size(best)))
    if baseline is not None and baseline is not best:
        rows.append(("Size of the baseline", _size(baseline)))
    rows.append(("Weights", weights_of(study, best)))
    return rows


def _model(trial: TrialFacts) -> str:
    settings = f" ({describe(trial.config)})" if trial.baseline is not None and trial.config else ""
    return f"trial {trial.number}: {trial.title}{settings}"


def _measured(trial: TrialFacts, part: str, accuracy: float | None) -> str:
    if accuracy is None:
        return "not measured: only reported experiments see the test images"
    images = trial.images(part)
    if images is None or not 0 <= accuracy <= 1:
        return percent(accuracy)
    error = number(100 * standard_error(accuracy, images), 2)
    return f"{percent(accuracy)} on {images:,} images, standard error {error} points"


def _size(trial: TrialFacts) -> str:
    return f"{count(trial.measure('parameters'))} parameters, {millions(trial.measure('forward_macs'))} MMACs an image"


def weights_of(study: StudyFacts, trial: TrialFacts) -> str:
    """Where a trial's weights are, or that they are not here."""
    path = study.files.weights(trial.number)
    if path.is_file():
        shown = study.home / path.relative_to(study.home.absolute())
        return f"{shown} on host {host_name()} ({format_bytes(path.stat().st_size)})"
    shared = study.files.shared
    if shared is not None:
        try:
            if shared.has(path):
                return f"{shared.url(path)}; `sweep export` fetches them"
        except PlaceError as error:
            return f"not in {study.home} on host {host_name()}, and it is not known whether they are elsewhere: {error}"
    host = trial.attributes.get("host")
    trained = "" if host in (None, host_name()) else f" It was trained on host {host}."
    return f"not in {study.home} on host {host_name()}: train the configuration again.{trained}"
