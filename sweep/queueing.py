"""What waits in a study: baselines, enqueued configurations, and trials given back."""

from collections.abc import Collection

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Configuration, ReportedExperiment, SearchSpace
from sweep.affordable import within_limits
from sweep.failures import FailureKind
from sweep.identity import read_identity
from sweep.standing import CONFIRMS

EXPERIMENT_NAMES = ("baseline", "first_trial")  # the attributes that name a trial's experiment
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


def enqueue_experiments(study: optuna.Study, space: SearchSpace, chosen: Collection[str] | None = None) -> int:
    """Enqueue the reported experiments and the first trials that the study does not hold yet.

    Optuna's own `skip_if_exists` compares values, takes 32 and 32.0 for different and a failed trial for done:
    a name in an attribute decides. First trials are enqueued configurations as any other: nothing was reported of
    them, so nothing is verified. What is above the study's limits is left out. The caller holds the study's lock.

    Args:
        study: The study.
        space: Its search space.
        chosen: Names of those to enqueue; None (default): all.

    Returns:
        How many were enqueued.
    """
    if CONFIRMS in study.user_attrs:
        return 0  # it has what it confirms, and no queue of its own
    known = {trial.user_attrs.get(name) for trial in study.get_trials(deepcopy=False) for name in EXPERIMENT_NAMES}
    identity = read_identity(study)
    within = space.experiments if identity is None else within_limits(space.experiments, space, identity)
    missing = [each for each in within if each.id not in known and (chosen is None or each.id in chosen)]
    for each in missing:
        is_reported = isinstance(each, ReportedExperiment)
        named = {"baseline": each.id} if is_reported else {"enqueued": True, "first_trial": each.id}
        params = space.to_params(space.from_dict(each.configuration))
        study.enqueue_trial(params, user_attrs={**named, "attempt": 1})
    return len(missing)


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
