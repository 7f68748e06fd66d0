"""Searches that the service runs: Optuna's samplers and pruners on a study in memory, asked as a worker asks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import optuna
from optuna.pruners import BasePruner, PatientPruner, PercentilePruner
from optuna.samplers import TPESampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, Trial, TrialState

from replaying.simulator import End, Work
from sweep.samplers import SAMPLERS, IsKnown, make_pruner, make_sampler, pruner_settings
from sweep.standing import MAX_REPEATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from replaying.curves import Curves
    from search_spaces import Configuration


@dataclass(frozen=True, kw_only=True)
class Search:
    """A sampler and a pruner with their settings.

    Attributes:
        name: What tables call it.
        sampler, pruner: As in `sweep.samplers`; `percentile`, which the service has not, is a pruner here too.
        sampler_settings, pruner_settings: What differs from the service's.
        patience: Epochs without improvement before the pruner is asked at all; None: it always is.
        reports_best: Whether the pruner sees the best epoch so far instead of the last one.
    """

    name: str
    sampler: str = "random"
    sampler_settings: Mapping[str, Any] = field(default_factory=dict)
    pruner: str = "none"
    pruner_settings: Mapping[str, Any] = field(default_factory=dict)
    patience: int | None = None
    reports_best: bool = False

    def make_sampler(self, *, seed: int, draw: int, is_known: IsKnown = lambda _: False) -> optuna.samplers.BaseSampler:
        """The sampler of one draw."""
        settings = {**SAMPLERS[self.sampler], **self.sampler_settings}
        found: optuna.samplers.BaseSampler = make_sampler(
            self.sampler, settings, seed=seed, draw=draw, is_known=is_known
        )
        return found

    def make_pruner(self, *, epochs: int, steps: int) -> BasePruner:
        """The pruner of trials of so many epochs with so many training steps in each."""
        if self.pruner == "percentile":
            found: BasePruner = PercentilePruner(**self.pruner_settings)
        else:
            settings = pruner_settings(self.pruner, epochs=epochs, steps=steps)
            found = make_pruner(self.pruner, {**settings, **self.pruner_settings}, epochs=epochs)
        return found if self.patience is None else PatientPruner(found, patience=self.patience)


class StudySearch:
    """A study under way: claims and reports as `sweep.worker` makes them.

    Args:
        curves: What answers for a configuration.
        search: Sampler and pruner.
        seed: The study's seed.
        enqueued: Configurations that are trained first and never pruned, as reported experiments are.
    """

    def __init__(self, curves: Curves, search: Search, *, seed: int, enqueued: Sequence[Configuration] = ()) -> None:
        self._curves = curves
        self._search = search
        self._seed = seed
        # Hyperband spreads trials over its brackets by the study's name.
        self.study = optuna.create_study(study_name=f"replay-{seed}", direction="maximize")
        for configuration in enqueued:
            self.study.enqueue_trial(curves.space.to_params(configuration), user_attrs={"baseline": True})
        self._draws = 0
        self._repeats = 0
        self._ended: dict[Configuration, FrozenTrial] = {}
        self._configurations: dict[int, Configuration] = {}
        self._pruner = search.make_pruner(epochs=curves.epochs, steps=curves.steps)
        # Every trial has every parameter, so what all trials have in common is found once, not once a draw.
        self._common = IntersectionSearchSpace(include_pruned=True)

    def claim(self) -> Work | None:
        """Ask for a trial; None once the study is exhausted."""
        if self._repeats >= MAX_REPEATS:
            return None
        trial = self.study.ask()
        if "baseline" not in trial.user_attrs:
            self._draws += 1
        self.study.pruner = self._pruner
        self.study.sampler = self._sampler()
        configuration = self._curves.space.suggest(trial)
        self._configurations[trial.number] = configuration
        is_known = configuration in self._ended
        self._repeats = self._repeats + 1 if is_known else 0
        return Work(curve=self._curves.answer(configuration, seed=self._seed), handle=trial, free=is_known)

    def report(self, work: Work) -> End | None:
        """Report an epoch and ask the pruner; a repeat ends as its configuration did before."""
        trial: Trial = work.handle
        if work.free:
            return self._repeat(trial)
        seen = work.curve.reported[: work.done]
        trial.report(max(seen) if self._search.reports_best else seen[-1], step=work.done)
        if trial.should_prune() and "baseline" not in trial.user_attrs:
            return self._tell(trial, None)
        if work.done == work.curve.epochs:
            return self._tell(trial, work.curve.value)
        return None

    def _sampler(self) -> optuna.samplers.BaseSampler:
        sampler = self._search.make_sampler(seed=self._seed, draw=self._draws, is_known=self._has_ended)
        if isinstance(sampler, TPESampler) and self._search.pruner != "hyperband":  # whose brackets are studies apart
            sampler._search_space = self._common  # the same answer, in half the time
        return sampler

    def _has_ended(self, params: Mapping[str, Any]) -> bool:
        return self._curves.space.from_params(params) in self._ended

    def _repeat(self, trial: Trial) -> End:
        earlier = self._ended[self._configurations[trial.number]]
        trial.set_user_attr("reused_from", earlier.number)
        if earlier.state is TrialState.COMPLETE:
            return self._tell(trial, earlier.value)
        for step, value in earlier.intermediate_values.items():
            trial.report(value, step=step)
        return self._tell(trial, None)

    def _tell(self, trial: Trial, value: float | None) -> End:
        told = self.study.tell(trial, value, state=TrialState.PRUNED if value is None else None)
        self._ended.setdefault(self._configurations.pop(trial.number), told)
        return End(value=value)
