"""Samplers and pruners by name, with every setting that the study must remember.

Optuna stores neither: a study made with one sampler reloads with another.
"""

import math
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

# Settings are stored with the study, so that a worker of a later version rebuilds the same search.
SAMPLERS: dict[str, dict[str, Any]] = {
    "tpe": {"n_startup_trials": 10, "multivariate": True, "constant_liar": True},
    "random": {},
}
PRUNERS: dict[str, dict[str, Any]] = {
    "median": {"n_startup_trials": 5, "n_warmup_steps": 2, "n_min_trials": 3},
    "halving": {"min_resource": 1, "reduction_factor": 3},
    "hyperband": {"min_resource": 1, "reduction_factor": 3},
    "none": {},
}

# Training steps before a pruner may judge: of networks that train slowly at first, many end best. On recorded curves
# with 47 steps an epoch (docs/performance.md) it loses less by judging after three epochs than after one.
LEAST_STEPS = 140

RANDOM_ATTEMPTS = 20  # in place of a proposal that is known
TPE_ATTEMPTS = 5  # in place of a proposal that is above a limit: TPE often wants the largest network
BOUNDED_ATTEMPTS = 100  # at random, then a network that is known to be within the limits stands in

IsKnown = Callable[[Mapping[str, Any]], bool]
Distributions = Mapping[str, BaseDistribution]


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What may be proposed at all.

    Attributes:
        distributions: Of all parameters that every trial has.
        is_allowed: Whether such parameters may be proposed.
        stand_ins: Parameters that may, where chance finds none; called when it did not. Empty: nothing may.
    """

    distributions: Distributions
    is_allowed: IsKnown
    stand_ins: Callable[[], Sequence[Mapping[str, Any]]]


def sampler_settings(name: str, *, first_trials: int) -> dict[str, Any]:
    """The settings of a sampler in a new study.

    Args:
        name: Of the sampler.
        first_trials: So many are trained first because they are known to be good. TPE goes on from them: chance, which
            it would begin with otherwise, proposes little that is better, and an hour holds few trials.
    """
    settings = SAMPLERS[name]
    if first_trials and "n_startup_trials" in settings:
        return {**settings, "n_startup_trials": min(first_trials, settings["n_startup_trials"])}
    return dict(settings)


def pruner_settings(name: str, *, epochs: int, steps: int, scheduled: bool = False) -> dict[str, Any]:
    """The settings of a pruner in a new study.

    Args:
        name: Of the pruner.
        epochs: At most so many in a trial.
        steps: Training steps in an epoch.
        scheduled: Whether learning rates fall to nearly nothing by a trial's end, in some trials at least. Those look
            worse than they are until then: none is judged in its first half. Default: False.
    """
    # A quarter of a trial is enough of a trial.
    first = epochs // 2 if scheduled else min(math.ceil(LEAST_STEPS / steps), epochs // 4)
    # By Optuna's names, the epoch that is judged first.
    return {
        setting: max(value, first) if setting in ("min_resource", "n_warmup_steps") else value
        for setting, value in PRUNERS[name].items()
    }


def make_sampler(
    name: str,
    settings: Mapping[str, Any],
    *,
    seed: int,
    draw: int,
    is_known: IsKnown = lambda _: False,
    distributions: Distributions | None = None,
    trials: Sequence[FrozenTrial] | None = None,
    bounds: Bounds | None = None,
) -> optuna.samplers.BaseSampler:
    """The sampler of one draw.

    Seeded by the study's seed and the draw, never by worker: one seed in every process would make all of
    them propose the same configurations (https://github.com/optuna/optuna/issues/4714).

    Args:
        name: Of the sampler.
        settings: As the study stored them.
        seed: The study's.
        draw: Which draw of the study it is, from 1.
        is_known: Whether training with these parameters would repeat a trial; `random` does not ask. Default: never.
        distributions: Of all parameters that every trial has; None: TPE finds out by looking through all trials.
            Default: None.
        trials: The study's, as whoever asks has just read them; None: TPE reads them from the storage, each time all
            that run. Default: None.
        bounds: What may be proposed; if nothing is found that may, something else is. Default: None, everything may.
    """
    entropy = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])
    if name == "random":
        return optuna.samplers.RandomSampler(seed=entropy) if bounds is None else BoundedSampler(bounds, seed=entropy)
    return _NovelTPESampler(is_known, distributions, trials, bounds, seed=entropy, **settings)


class BoundedSampler(optuna.samplers.RandomSampler):
    """Chance, within bounds: all parameters are drawn together, for together they are allowed or not.

    Args:
        bounds: What may be proposed.
        seed: Of the draws.
    """

    def __init__(self, bounds: Bounds, *, seed: int) -> None:
        super().__init__(seed=seed)
        self._bounds = bounds

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together: all that can vary."""
        return _varying(self._bounds.distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample until it is allowed; where chance finds nothing, a network that is known to be stands in."""
        for _ in range(BOUNDED_ATTEMPTS):
            drawn = self._drawn(study, trial, search_space)
            if self._bounds.is_allowed(drawn):
                return drawn
        networks = self._bounds.stand_ins()
        if not networks:
            return drawn
        chosen = super().sample_independent(study, trial, "stand-in", IntDistribution(0, len(networks) - 1))
        network = {name: networks[chosen][name] for name in search_space}
        # What was drawn keeps its numbers, unless they are what is too much.
        choices = {name: each for name, each in network.items() if _is_choice(search_space[name])}
        return drawn | choices if self._bounds.is_allowed(drawn | choices) else network

    def _drawn(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {
            name: self.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }


class _NovelTPESampler(optuna.samplers.TPESampler):
    """TPE that proposes what is new, and takes the result of a configuration once however many trials repeat it.

    Where regularisers can be off, the best configuration has few neighbours, or none: TPE alone proposes it again and
    again, until the study seems exhausted (docs/performance.md).
    """

    def __init__(
        self,
        is_known: IsKnown,
        distributions: Distributions | None,
        trials: Sequence[FrozenTrial] | None,
        bounds: Bounds | None,
        *,
        seed: int,
        **settings: Any,
    ) -> None:
        super().__init__(seed=seed, **settings)
        self._is_known = is_known
        self._distributions = distributions
        self._trials = trials
        self._chance = optuna.samplers.RandomSampler(seed=seed)
        self._bounds = bounds
        self._bounded = None if bounds is None else BoundedSampler(bounds, seed=seed)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The parameters that are sampled together: all that can vary."""
        if self._bounds is not None:
            return _varying(self._bounds.distributions)
        if self._distributions is None:
            return super().infer_relative_search_space(study, trial)
        return _varying(self._distributions)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Sample with TPE; at random if that is known, and something known if all of that is, too."""
        proposal = self._proposed(study, trial, search_space)
        for _ in range(RANDOM_ATTEMPTS):
            if not proposal or not self._is_known(proposal):  # empty: TPE has too few trials, and leaves it to chance
                break
            proposal = self._at_random(study, trial, search_space)
        return proposal

    def _proposed(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """What TPE proposes; within bounds, again until it is allowed, and at random where that comes to nothing."""
        if self._bounds is None:
            return super().sample_relative(self._shown(study), trial, search_space)
        for _ in range(TPE_ATTEMPTS):
            proposal = super().sample_relative(self._shown(study), trial, search_space)
            if not proposal:
                break
            if self._bounds.is_allowed(proposal):
                return proposal
        return self._at_random(study, trial, search_space)

    def _at_random(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        if self._bounded is not None:
            return self._bounded.sample_relative(study, trial, search_space)
        return {
            name: self._chance.sample_independent(study, trial, name, distribution)
            for name, distribution in search_space.items()
        }

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Sample one parameter where there are too few trials for all of them together."""
        return super().sample_independent(self._shown(study), trial, param_name, param_distribution)

    def _shown(self, study: optuna.Study) -> optuna.Study:
        return cast(optuna.Study, _WithoutRepeats(study, self._trials))


def _varying(distributions: Distributions) -> dict[str, BaseDistribution]:
    # In Optuna's order, which decides what chance gives to which.
    return {name: each for name, each in sorted(distributions.items()) if not each.single()}


def _is_choice(distribution: BaseDistribution) -> bool:
    return isinstance(distribution, CategoricalDistribution)


class _WithoutRepeats:
    """A study whose repeats a sampler does not see."""

    def __init__(self, study: optuna.Study, trials: Sequence[FrozenTrial] | None) -> None:
        self._study = study
        self._trials = trials

    def __getattr__(self, name: str) -> Any:
        return getattr(self._study, name)

    def _get_trials(
        self, deepcopy: bool = True, states: Container[TrialState] | None = None, use_cache: bool = False
    ) -> list[FrozenTrial]:
        trials = self._trials
        if trials is None:
            trials = self._study._get_trials(deepcopy, states, use_cache)
        elif states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return [trial for trial in trials if "reused_from" not in trial.user_attrs]


def make_pruner(name: str, settings: Mapping[str, Any], *, epochs: int) -> optuna.pruners.BasePruner:
    """The pruner of a study whose trials train at most `epochs` epochs."""
    if name == "median":
        return optuna.pruners.MedianPruner(**settings)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(**settings)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=epochs, **settings)
    return optuna.pruners.NopPruner()
