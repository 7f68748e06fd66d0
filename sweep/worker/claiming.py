"""Claim the next trial: count and ask under the study's lock, suggest after it."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import Configuration, ConfigurationError, SearchSpace
from storage import Store
from storage.engines import without_optuna_warnings
from sweep.budget import Budget, read_budget
from sweep.failures import FailureKind
from sweep.identity import Identity
from sweep.kept import attempts_before
from sweep.samplers import make_pruner, make_sampler
from sweep.standing import CONFIRMS, End, standing
from sweep.worker.ledger import give_back, write_failure
from sweep.worker.liveness import WorkerMark

log = logging.getLogger(__name__)

# Failures that the same configuration would meet again.
LASTING = frozenset({FailureKind.MEMORY, FailureKind.NAN, FailureKind.INVALID, FailureKind.TIME})


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A trial of ours, with its parameters.

    Attributes:
        attributes: The trial's user attributes, as they were when it was claimed.
        budget: The rules in force.
        finished: Trials finished when it was claimed.
        repeat_of: An earlier trial that makes training it pointless, or None.
        before: The attempts before this one, by number, the newest first. Default: none.
        host_before: The host of the newest of them, or None. Default: None.
    """

    trial: optuna.Trial
    configuration: Configuration
    attributes: Mapping[str, Any]
    budget: Budget
    finished: int
    repeat_of: FrozenTrial | None
    before: tuple[int, ...] = ()
    host_before: str | None = None


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Nothing to claim now: what is missing is running elsewhere."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The study needs no more."""

    reason: End


def claim(
    store: Store,
    study: optuna.Study,
    space: SearchSpace,
    identity: Identity,
    mark: WorkerMark,
    *,
    trust_heartbeats: bool = True,
) -> Claim | Wait | Ended:
    """Claim a waiting trial, or draw a new one, unless the budget is spent or reserved.

    Args:
        store: The store.
        study: The study.
        space: Its search space.
        identity: Its terms.
        mark: This worker's mark.
        trust_heartbeats: Whether a trial without heartbeats may be given up; not so after an outage of the store,
            when nobody's heartbeats arrived. Default: True.
    """
    with store.lock(study.study_name):
        _give_back_lost(store, study, mark, trust_heartbeats=trust_heartbeats)
        trials = study.get_trials(deepcopy=False)
        # The attributes are read anew: another command may have changed the budget.
        fresh = store.load(study.study_name)
        budget = read_budget(fresh)
        now = standing(trials, budget, fresh.user_attrs)
        if now.ended not in (None, End.TIMEOUT, End.STOPPED):  # these two belong to earlier runs
            return Ended(reason=now.ended)
        if now.finished + now.running >= budget.trials:
            return Wait()
        if CONFIRMS in fresh.user_attrs and now.waiting == 0:  # nothing is drawn in it
            return Wait()
        trial = _ask(study, trials)
        # In this order: a trial with a name on it was heard of, and one without was left by whoever held the lock.
        store.record_heartbeat(trial)
        trial.set_user_attr("worker", mark.name)
    attributes = trial.user_attrs
    before = attempts_before(trials, attributes.get("retry_of"))
    seed = attributes.get("seed", identity.seed)
    draw = attributes.get("draw", 0)
    study.pruner = make_pruner(identity.pruner, identity.pruner_settings, epochs=identity.epochs)
    known = _Known(trials, space, seed, of_study=identity.seed)
    # Sampling is lazy: it happens here, outside the lock, with the sampler of this draw.
    study.sampler = make_sampler(
        identity.sampler,
        identity.sampler_settings,
        seed=identity.seed,
        draw=draw,
        is_known=known.has,
        distributions=space.distributions,
    )
    try:
        configuration = space.suggest(trial)
    except ValueError as error:  # enqueued by another tool with values that the space does not have
        log.warning("trial %d cannot be trained: %s", trial.number, error)
        write_failure(study, trial, FailureKind.INVALID, str(error))
        return Wait()
    trial.set_user_attr("config", configuration.to_dict())
    mark.claimed.add(trial.number)
    return Claim(
        trial=trial,
        configuration=configuration,
        attributes=attributes,
        budget=budget,
        finished=now.finished,
        repeat_of=known.trial(configuration),
        before=before,
        host_before=next(
            (trials[number].user_attrs.get("host") for number in before[:1] if number < len(trials)), None
        ),
    )


def _give_back_lost(store: Store, study: optuna.Study, mark: WorkerMark, *, trust_heartbeats: bool) -> None:
    """Give back the running trials that nobody trains. The caller holds the study's lock."""
    for lost in store.running_trials(study):
        worker = lost.user_attrs.get("worker")
        if worker is None:  # names are given under this lock
            why = "its worker died while it claimed it"
        elif worker == mark.name and lost.number not in mark.claimed:
            why = "the store went away while it was claimed"
        elif mark.is_dead(worker):
            why = "its worker died"
        else:
            continue
        give_back(study, lost, FailureKind.INTERRUPTED, why, max_retries=0)
    for lost in store.stale_trials(study) if trust_heartbeats else ():
        give_back(study, lost, FailureKind.INTERRUPTED, "its worker fell silent", max_retries=0)


def _ask(study: optuna.Study, trials: list[FrozenTrial]) -> optuna.Trial:
    with without_optuna_warnings():
        trial = study.ask()
    if not {"draw", "baseline", "confirms", "enqueued"} & trial.user_attrs.keys():  # to be sampled
        drawn = max((known.user_attrs.get("draw", 0) for known in trials), default=0)
        trial.set_user_attr("draw", drawn + 1)
    if "attempt" not in trial.user_attrs:
        trial.set_user_attr("attempt", 1)
    return trial


class _Known:
    """The trials that trained a configuration with a seed to an end that would come again, the first of each.

    Args:
        trials: All trials of the study, ordered by number.
        space: Its search space.
        seed: The seed.
        of_study: The study's, of trials that have none of their own.
    """

    def __init__(self, trials: list[FrozenTrial], space: SearchSpace, seed: int, *, of_study: int) -> None:
        self._trials: dict[str, FrozenTrial] = {}
        self._space = space
        for trial in trials:
            # A confirmation is asked for by name, perhaps on a larger machine: what failed is tried again.
            lasting = trial.user_attrs.get("failure") in LASTING and "confirms" not in trial.user_attrs
            ended = trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or lasting
            if ended and trial.user_attrs.get("seed", of_study) == seed:
                self._trials.setdefault(_text(trial.user_attrs.get("config")), trial)

    def trial(self, configuration: Configuration) -> FrozenTrial | None:
        """The trial that trained it, or None."""
        return self._trials.get(_text(configuration.to_dict()))

    def has(self, params: Mapping[str, Any]) -> bool:
        """Whether a trial trained what a sampler proposes; False where that is not a whole configuration."""
        try:
            return self.trial(self._space.from_params(params)) is not None
        except ConfigurationError:
            return False


def _text(config: Any) -> str:
    return json.dumps(config, sort_keys=True)
