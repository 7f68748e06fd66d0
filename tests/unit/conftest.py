from datetime import datetime, timedelta

import optuna
import pytest
from optuna.trial import TrialState, create_trial

from search_spaces import find_space
from sweep.identity import ATTRIBUTE
from sweep.messages import EpochEnd, Evaluation, Result
from tests.identities import make_identity

BEGIN = datetime(2026, 1, 1)


@pytest.fixture
def space():
    return find_space("isolated")


@pytest.fixture(name="make_identity")
def identity_maker():
    return make_identity


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


@pytest.fixture
def make_result():
    """What a trainer answers at a trial's end, but for what matters to the test."""

    def make(**changes):
        evaluation = Evaluation(confusion_matrix=((1, 0), (0, 1)), cross_entropy=0.0, loss=0.0)
        end = EpochEnd(trial=0, epoch=1, loss=1.0, accuracy=0.5, val_loss=1.0, val_accuracy=0.5, seconds=1.0)
        values = {
            "trial": 0,
            "best_epoch": 1,
            "validation": evaluation,
            "test": None,
            "train_seconds": 1.0,
            "images_per_second": None,
            "dtype_policy": "float32",
            "history": (end,),
        }
        return Result(**(values | changes))

    return make
