"""What is confirmed: a study's finalists and its best reported experiment, each with several seeds."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from search_spaces import SearchSpace
from storage import Store
from sweep.budget import BudgetChange, change_budget
from sweep.errors import UsageError
from sweep.identity import ATTRIBUTE, Identity, read_identity, refuse_another_identity
from sweep.messages import HISTORY_COLUMNS
from sweep.places import place_of, settle_place
from sweep.standing import CONFIRMS
from sweep.worker.assignment import TAKEN_OVER

SUFFIX = "-confirm"
SEEDS = 2**32  # as many as Keras takes


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One training.

    Attributes:
        finalist: The trial of the study that is confirmed.
        seed: Of weights, image order, dropout and the validation split.
    """

    finalist: FrozenTrial
    seed: int


def confirming_name(study_name: str) -> str:
    """The name of the study that confirms another one."""
    return f"{study_name}{SUFFIX}"


def choose_finalists(study: optuna.Study, *, top: int, baselines: bool) -> list[FrozenTrial]:
    """The trials to confirm, the best first, by validation accuracy: test images choose nothing.

    Args:
        study: The study.
        top: So many of the best, and the best reported experiment besides.
        baselines: All reported experiments instead.

    Raises:
        UsageError: If there is none.
    """
    if CONFIRMS in study.user_attrs:
        raise UsageError(
            f"Study '{study.study_name}' confirms another one. "
            f"Run: sweep confirm {shlex.quote(study.user_attrs[CONFIRMS])}"
        )
    trained = [
        trial
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if trial.value is not None and "config" in trial.user_attrs and "reused_from" not in trial.user_attrs
    ]
    ranked = sorted(trained, key=lambda trial: (-(trial.value or 0.0), trial.number))
    reported = list({trial.user_attrs["baseline"]: trial for trial in reversed(ranked) if _is_reported(trial)}.values())
    reported.reverse()  # the best first again, and of an experiment's trials the best one
    if baselines:
        if not reported:
            raise UsageError(f"Study '{study.study_name}' has no complete reported experiment to confirm.")
        return reported
    if not ranked:
        raise UsageError(f"Study '{study.study_name}' has no complete trial yet; there is nothing to confirm.")
    chosen = ranked[:top]
    return chosen + [trial for trial in reported[:1] if trial not in chosen]


def pairs_of(finalists: Iterable[FrozenTrial], identity: Identity, *, seeds: int) -> list[Pair]:
    """Every finalist with every seed: the study's own, and those that follow it."""
    return [
        Pair(finalist=finalist, seed=(identity.seed + offset) % SEEDS)
        for finalist in finalists
        for offset in range(seeds)
    ]


def missing_pairs(study: optuna.Study | None, pairs: Iterable[Pair]) -> list[Pair]:
    """Those that the confirming study neither has nor is about to have; what failed for good is tried anew."""
    trials = [] if study is None else study.get_trials(deepcopy=False)
    known = {
        (trial.user_attrs.get("confirms"), trial.user_attrs.get("seed"))
        for trial in trials
        if trial.state is not TrialState.FAIL
    }
    return [pair for pair in pairs if (pair.finalist.number, pair.seed) not in known]


def find_confirming(store: Store, study_name: str) -> optuna.Study | None:
    """The study that confirms `study_name`, if there is one.

    Raises:
        UsageError: If the study of that name is something else.
    """
    name = confirming_name(study_name)
    study = store.find(name)
    if study is None:
        return None
    if study.user_attrs.get(CONFIRMS, study_name if not study.get_trials(deepcopy=False) else None) != study_name:
        typed = shlex.quote(study_name)
        raise UsageError(f"Study '{name}' was not made by `sweep confirm {typed}`. Rename or delete it first.")
    return study


def confirmations_of(store: Store, study: optuna.Study) -> optuna.Study | None:
    """The study that confirms `study`, or itself if it is one; None if there is none."""
    return study if CONFIRMS in study.user_attrs else find_confirming(store, study.study_name)


def create_or_extend(
    store: Store, study_name: str, space: SearchSpace, identity: Identity, pairs: Sequence[Pair]
) -> tuple[optuna.Study, list[Pair]]:
    """Create the confirming study where it is missing, and let what is missing of the pairs wait in it.

    Args:
        store: The store, open for writing.
        study_name: The study that is confirmed.
        space: Its search space.
        identity: Its terms.
        pairs: What is wanted.

    Returns:
        The confirming study, and the pairs that were enqueued.
    """
    name = confirming_name(study_name)
    with store.lock(name):
        study = find_confirming(store, study_name) or store.create(name, metric="validation accuracy")
        study.set_user_attr(CONFIRMS, study_name)
        place = place_of(store.load(study_name))
        settle_place(study, None if place is None else place.parent)  # wherever those of the study itself are kept
        if read_identity(study) is None:
            study.set_user_attr(ATTRIBUTE, identity.to_dict())
        else:
            refuse_another_identity(study, identity)
        missing = missing_pairs(study, pairs)
        for pair in missing:
            params = space.to_params(space.from_dict(pair.finalist.user_attrs["config"]))
            study.enqueue_trial(params, user_attrs=_attributes(pair, identity))
        trials = study.get_trials(deepcopy=False)
        change_budget(study, BudgetChange(trials=sum(trial.state is not TrialState.FAIL for trial in trials)))
    return study, missing


def _attributes(pair: Pair, identity: Identity) -> dict[str, Any]:
    source = pair.finalist.user_attrs
    attributes: dict[str, Any] = {"confirms": pair.finalist.number, "seed": pair.seed, "attempt": 1}
    if _is_reported(pair.finalist):
        attributes["baseline"] = source["baseline"]
    if pair.seed == identity.seed and set(source.get("history", ())) >= set(HISTORY_COLUMNS):
        taken = {name: source.get(name) for name in (*TAKEN_OVER, "history")}
        attributes["takes_over"] = {"trial": pair.finalist.number, **taken}
    return attributes


def _is_reported(trial: FrozenTrial) -> bool:
    return "baseline" in trial.user_attrs
