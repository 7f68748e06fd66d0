"""Claim the next trial: read before the study's lock, count and ask under it, suggest after it."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from search_spaces import Configuration, ConfigurationError, SearchSpace
from storage import Store
from storage.counting import STATES
from storage.glance import Glance
from storage.trial_cache import is_settled
from sweep.affordable import bounds_of, plan_of
from sweep.budget import Budget, read_budget
from sweep.failures import FailureKind
from sweep.identity import Identity
from sweep.kept import attempts_before
from sweep.past import Past
from sweep.samplers import make_pruner, make_sampler
from sweep.standing import CONFIRMS, End, standing_by
from sweep.worker.ledger import give_back, write_failure
from sweep.worker.liveness import WorkerMark
from sweep.worker.turns import turn_of

log = logging.getLogger(__name__)


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
    past: Past | None = None,
    trust_heartbeats: bool = True,
) -> Claim | Wait | Ended:
    """Claim a waiting trial, or draw a new one, unless the budget is spent or reserved.

    Args:
        store: The store.
        study: The study.
        space: Its search space.
        identity: Its terms.
        mark: This worker's mark.
        past: What this worker's claims before it found in the study. Default: nothing.
        trust_heartbeats: Whether a trial without heartbeats may be given up; not so after an outage of the store,
            when nobody's heartbeats arrived. Default: True.
    """
    past = past or Past()
    # What takes long is read before others have to wait for it; what may have changed since is looked at again.
    trials = store.read_trials(study)
    with store.lock(study.study_name):
        glance = store.glance(study, since=_first_unsettled(trials))
        if _give_back_lost(store, study, glance, mark, trust_heartbeats=trust_heartbeats):
            trials = store.read_trials(study)
            glance = store.glance(study, since=_first_unsettled(trials))
        # The attributes are read anew: another command may have changed the budget.
        fresh = store.load(study.study_name)
        attributes_of_study = fresh.user_attrs
        budget = read_budget(fresh)
        past.look(trials)
        tally = replace(past.tally(), states=dict.fromkeys(STATES, 0) | glance.states)
        now = standing_by(tally, budget, attributes_of_study)
        if now.ended is not None and now.is_over:
            return Ended(reason=now.ended)
        if now.finished + now.running >= budget.trials:
            return Wait()
        if CONFIRMS in attributes_of_study and now.waiting == 0:  # nothing is drawn in it
            return Wait()
        drawn = max([past.drawn, *(each.draw for each in glance.trials)])
        trial = _take(store, study, trials, draw=drawn + 1, waiting=now.waiting)
        # In this order: a trial with a name on it was heard of, and one without was left by whoever held the lock.
        store.record_heartbeat(trial)
        trial.set_user_attr("worker", mark.name)
    attributes = trial.user_attrs
    before = attempts_before(trials, attributes.get("retry_of"))
    seed = attributes.get("seed", identity.seed)
    draw = attributes.get("draw", 0)
    study.pruner = make_pruner(identity.pruner, identity.pruner_settings, epochs=identity.epochs)

    def earlier(configuration: Configuration) -> FrozenTrial | None:
        return past.trained(configuration.to_dict(), seed, of_study=identity.seed)

    def is_known(params: Mapping[str, Any]) -> bool:
        try:
            return earlier(space.from_params(params)) is not None
        except ConfigurationError:  # no whole configuration
            return False

    # Sampling is lazy: it happens here, outside the lock, with the sampler of this draw.
    study.sampler = make_sampler(
        identity.sampler,
        identity.sampler_settings,
        seed=identity.seed,
        draw=draw,
        is_known=is_known,
        distributions=space.distributions,
        trials=trials,
        bounds=bounds_of(space, identity, past),
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
        repeat_of=earlier(configuration) or _too_slow(past, configuration, identity),
        before=before,
        host_before=next(
            (trials[number].user_attrs.get("host") for number in before[:1] if number < len(trials)), None
        ),
    )


def _give_back_lost(
    store: Store, study: optuna.Study, glance: Glance, mark: WorkerMark, *, trust_heartbeats: bool
) -> int:
    """Give back the running trials that nobody trains; returns how many. The caller holds the study's lock."""
    lost_trials: list[tuple[optuna.Trial, str]] = []
    for trial in glance.trials:
        if not trial.is_running:
            continue
        if trial.worker is None:  # names are given under this lock
            why = "its worker died while it claimed it"
        elif trial.worker == mark.name and trial.number not in mark.claimed:
            why = "the store went away while it was claimed"
        elif mark.is_dead(trial.worker):
            why = "its worker died"
        else:
            continue
        lost_trials.append((optuna.Trial(study, trial.trial_id), why))
    known = {lost._trial_id for lost, _ in lost_trials}
    silent = store.stale_trials(study) if trust_heartbeats else []
    lost_trials += [(lost, "its worker fell silent") for lost in silent if lost._trial_id not in known]
    for lost, why in lost_trials:
        give_back(study, lost, FailureKind.INTERRUPTED, why, max_retries=0)
    return len(lost_trials)


def _too_slow(past: Past, configuration: Configuration, identity: Identity) -> FrozenTrial | None:
    """An earlier trial whose network has these layers and was found to be too slow."""
    if identity.max_latency is None:
        return None
    plan = plan_of(configuration, identity.image_shape, len(identity.labels))
    return None if plan is None else past.too_slow(plan)


def _first_unsettled(trials: Sequence[FrozenTrial]) -> int:
    """The first trial that may have been given a draw, and may have ended, since these were read."""
    unsettled = (trial.number for trial in trials if not (trial.state.is_finished() or is_settled(trial)))
    return min(unsettled, default=len(trials))


def _take(store: Store, study: optuna.Study, trials: Sequence[FrozenTrial], *, draw: int, waiting: int) -> optuna.Trial:
    """The waiting trial whose turn it is, or a new one."""
    taken = store.take_waiting(study, by=lambda each: turn_of(each, trials)) if waiting else None
    trial = taken or store.begin_trial(study)
    if not {"draw", "baseline", "confirms", "enqueued"} & trial.user_attrs.keys():  # to be sampled
        trial.set_user_attr("draw", draw)
    if "attempt" not in trial.user_attrs:
        trial.set_user_attr("attempt", 1)
    return trial
