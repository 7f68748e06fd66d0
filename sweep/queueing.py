"""What waits in a study: baselines, enqueued configurations, and trials given back."""

from collections.abc import Collection, Sequence

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Configuration, SearchSpace
from sweep.affordable import Offered, within_limits
from sweep.failures import FailureKind
from sweep.identity import read_identity
from sweep.standing import CONFIRMS

MAX_INTERRUPTIONS = 20  # a trial that is cut so often is not the machines' fault
# What a retry keeps of its history.
CARRIED = (
    "baseline",
    "confirms",
    "seed",
    "takes_over",
    "draw",
    "enqueued",
    "first_trial",
    "crashes",
    "interruptions",
    "latency_seconds",
)


def enqueue_baselines(study: optuna.Study, space: SearchSpace, chosen: Collection[str] | None = None) -> int:
    """Enqueue the reported experiments that the study does not hold yet. The caller holds the study's lock.

    Optuna's own `skip_if_exists` compares values, takes 32 and 32.0 for different and a failed trial for done:
    the experiment's name in an attribute decides. What is above the study's limits is left out.

    Args:
        study: The study.
        space: Its search space.
        chosen: Names of those to enqueue; None (default): all.

    Returns:
        How many were enqueued.
    """
    missing = _missing(study, space, space.reported, "baseline", chosen)
    for experiment in missing:
        configuration = space.from_dict(experiment.configuration)
        study.enqueue_trial(space.to_params(configuration), user_attrs={"baseline": experiment.id, "attempt": 1})
    return len(missing)


def enqueue_first_trials(study: optuna.Study, space: SearchSpace, chosen: Collection[str] | None = None) -> int:
    """Enqueue the networks that the space's families begin with and the study does not hold yet.

    They are enqueued configurations as any other: nothing was reported of them, so nothing is verified. The caller
    holds the study's lock. What is above the study's limits is left out.

    Args:
        study: The study.
        space: Its search space.
        chosen: Names of those to enqueue; None (default): all.

    Returns:
        How many were enqueued.
    """
    missing = _missing(study, space, space.first_trials, "first_trial", chosen)
    for first in missing:
        attributes = {"enqueued": True, "first_trial": first.id, "attempt": 1}
        study.enqueue_trial(space.to_params(space.from_dict(first.configuration)), user_attrs=attributes)
    return len(missing)


def _missing(
    study: optuna.Study, space: SearchSpace, offered: Sequence[Offered], attribute: str, chosen: Collection[str] | None
) -> list[Offered]:
    """Those that keep to the study's limits and are not named in that attribute of any trial yet."""
    if CONFIRMS in study.user_attrs:
        return []  # it has what it confirms, and no queue of its own
    known = {trial.user_attrs.get(attribute) for trial in study.get_trials(deepcopy=False)}
    identity = read_identity(study)
    within = offered if identity is None else within_limits(offered, space, identity)
    return [each for each in within if each.id not in known and (chosen is None or each.id in chosen)]


def enqueue_configuration(study: optuna.Study, space: SearchSpace, configuration: Configuration) -> None:
    """Let a configuration that was checked wait for a worker."""
    study.enqueue_trial(space.to_params(configuration), user_attrs={"enqueued": True, "attempt": 1})


def requeue(study: optuna.Study, failed: FrozenTrial, kind: FailureKind, *, max_retries: int) -> bool:
    """Give a failed trial back: a new trial waits with its parameters and its history; done once, if called again.

    A lost trial that did not have all its parameters yet keeps its draw, and so draws the same ones again.

    Args:
        study: The study.
        failed: The trial.
        kind: A crash is charged to the retries; an interruption is not, and has a ceiling of its own.
        max_retries: So many crashes are forgiven.

    Returns:
        Whether it waits again.
    """
    attributes = failed.user_attrs
    if any(trial.user_attrs.get("retry_of") == failed.number for trial in study.get_trials(deepcopy=False)):
        return True
    history = {name: attributes[name] for name in CARRIED if name in attributes}
    counter = "crashes" if kind is FailureKind.CRASH else "interruptions"
    history[counter] = history.get(counter, 0) + 1
    if history[counter] > (max_retries if kind is FailureKind.CRASH else MAX_INTERRUPTIONS):
        return False
    history |= {"attempt": attributes.get("attempt", 1) + 1, "retry_of": failed.number}
    drawn = "config" in attributes  # written when all parameters are there
    params = failed.params if drawn else failed.system_attrs.get("fixed_params", {})
    study.enqueue_trial(dict(params), user_attrs=history)
    return True
