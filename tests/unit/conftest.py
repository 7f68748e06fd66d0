from datetime import datetime, timedelta

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search_spaces import find_space
from sweep.identity import ATTRIBUTE, Identity
from sweep.samplers import PRUNERS, SAMPLERS

BEGIN = datetime(2026, 1, 1)


@pytest.fixture
def space():
    return find_space("isolated")


@pytest.fixture
def make_identity(space):
    def make(**changes):
        values = {
            "family": "isolated",
            "without": (),
            "space_hash": space.hash,
            "recipe": "report",
            "dataset": "fashion-mnist",
            "dataset_sha256": "c59f",
            "labels": ("shirt", "shoe"),
            "image_shape": (28, 28, 1),
            "image_size": None,
            "color": False,
            "validation_fraction": 0.1,
            "limit": None,
            "epochs": 50,
            "patience": 5,
            "batch_size": 128,
            "seed": 43,
            "sampler": "tpe",
            "sampler_settings": SAMPLERS["tpe"],
            "pruner": "median",
            "pruner_settings": PRUNERS["median"],
            "weights": None,
        }
        return Identity(**(values | changes))

    return make


@pytest.fixture
def study():
    """An Optuna study without any database."""
    return optuna.create_study(study_name="isolated", direction="maximize")


@pytest.fixture
def our_study(study, make_identity):
    """One that sweep made."""
    study.set_user_attr(ATTRIBUTE, make_identity().to_dict())
    return study


@pytest.fixture
def make_trials():
    """Trials from short descriptions: `(state, value, attributes)`; each ends a minute after the one before it."""

    def make(*descriptions):
        trials = []
        for number, (state, value, attributes) in enumerate(descriptions):
            trial = create_trial(state=TrialState[state], value=value, user_attrs=attributes)
            trial.number = number
            if trial.state.is_finished():
                trial.datetime_complete = BEGIN + timedelta(minutes=number)
            trials.append(trial)
        return trials

    return make
