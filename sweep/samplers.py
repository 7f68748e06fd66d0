"""Samplers and pruners by name, with every setting that the study must remember.

Optuna stores neither: a study made with one sampler reloads with another.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna

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


def pruner_settings(name: str, *, epochs: int, steps: int) -> dict[str, Any]:
    """The settings of a pruner in a new study.

    Args:
        name: Of the pruner.
        epochs: At most so many in a trial.
        steps: Training steps in an epoch.
    """
    first = min(math.ceil(LEAST_STEPS / steps), epochs // 4)  # a quarter of a trial is enough of a trial
    # By Optuna's names, the epoch that is judged first.
    return {
        setting: max(value, first) if setting in ("min_resource", "n_warmup_steps") else value
        for setting, value in PRUNERS[name].items()
    }


def make_sampler(name: str, settings: Mapping[str, Any], *, seed: int, draw: int) -> optuna.samplers.BaseSampler:
    """The sampler of one draw.

    Seeded by the study's seed and the draw, never by worker: one seed in every process would make all of
    them propose the same configurations (https://github.com/optuna/optuna/issues/4714).
    """
    entropy = int(np.random.SeedSequence([seed, draw]).generate_state(1)[0])
    if name == "random":
        return optuna.samplers.RandomSampler(seed=entropy)
    return optuna.samplers.TPESampler(seed=entropy, **settings)


def make_pruner(name: str, settings: Mapping[str, Any], *, epochs: int) -> optuna.pruners.BasePruner:
    """The pruner of a study whose trials train at most `epochs` epochs."""
    if name == "median":
        return optuna.pruners.MedianPruner(**settings)
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(**settings)
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=epochs, **settings)
    return optuna.pruners.NopPruner()
