"""Sentences about a reported experiment in a study: why it has no result, or none that the report can judge."""

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

from search_spaces import ReportedExperiment
from sweep.identity import Identity

REPORTED_RECIPE = "report"
REPORTED_DATA = "fashion-mnist"
REPORTED_SHAPE = (28, 28, 1)
# `Dataset.sha256` of these images in this shape: an .npz file may hold them too.
REPORTED_SHA256 = "abf4cdc7be0d9c228398ac0cf5e497a09c7e922e721564006ac1a5942474e36e"
UNJUDGED = "a starting point, without a verdict"


def of_starting_point(experiment: ReportedExperiment, identity: Identity) -> tuple[str, ...]:
    """Why an experiment of this study cannot be judged by the report, however long it is trained; none if it can."""
    notes = []
    named = identity.dataset == REPORTED_DATA
    if not (named and identity.image_shape == REPORTED_SHAPE) and identity.dataset_sha256 != REPORTED_SHA256:
        shape = "x".join(map(str, identity.image_shape))
        images = f"Fashion-MNIST in {shape}" if named else identity.dataset
        original = "x".join(map(str, REPORTED_SHAPE)) if named else "Fashion-MNIST"
        notes.append(f"The study's images are {images}, the report's {original}: {UNJUDGED}.")
    if experiment.configuration.get("backbone") is not None and identity.weights != "imagenet":
        notes.append(f"Its backbone has the weights '{identity.weights}', the report's ImageNet's: {UNJUDGED}.")
    if identity.recipe != REPORTED_RECIPE:
        notes.append(f"The study's recipe is '{identity.recipe}', not the report's: {UNJUDGED}.")
    return tuple(notes)


def of_finished(trials: Sequence[FrozenTrial]) -> tuple[str, ...]:
    """What is unusual about the trials that measured an experiment.

    Args:
        trials: At least one, ordered by number; the first counts.
    """
    first = trials[0]
    notes = []
    if "reused_from" in first.user_attrs:
        earlier = first.user_attrs["reused_from"]
        notes.append(f"Trial {first.number} repeats trial {earlier} and carries what that one measured.")
    if len(trials) > 1:
        others = ", ".join(str(trial.number) for trial in trials[1:])
        notes.append(f"Trial {first.number} counts; measured again by trial {others}.")
    return tuple(notes)


def of_unfinished(attempts: Sequence[FrozenTrial]) -> tuple[str, ...]:
    """Why an experiment has no result; none if it merely waits or runs for the first time.

    Args:
        attempts: All its trials, ordered by number.
    """
    if not attempts:
        return ("The study holds no trial for it; `sweep start` adds one.",)
    latest = attempts[-1]
    match latest.state:
        case TrialState.FAIL:
            return (_failed(latest),)
        case TrialState.PRUNED:
            return (f"Trial {latest.number} was pruned and never saw the test images.",)
        case TrialState.COMPLETE:
            return (f"Trial {latest.number} is complete, but has no test accuracy.",)
    failed = [trial for trial in attempts if trial.state is TrialState.FAIL]
    verb = "runs" if latest.state is TrialState.RUNNING else "waits"
    return (f"{_failed(failed[-1])} Trial {latest.number} {verb} in its place.",) if failed else ()


def _failed(trial: FrozenTrial) -> str:
    kind = trial.user_attrs.get("failure")
    message = str(trial.user_attrs.get("failure_message") or "").strip()
    told = message.splitlines()[0].rstrip(".") if message else ""
    cause = " - ".join(part for part in (kind, told) if part)
    return f"Trial {trial.number} failed: {cause}." if cause else f"Trial {trial.number} failed."
