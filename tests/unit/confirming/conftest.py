"""Studies as training leaves them, without training."""

import numpy as np
import pytest
from optuna.trial import TrialState, create_trial

from storage import locate, open_store
from sweep.messages import HISTORY_COLUMNS
from sweep.test_classes import TEST_CLASSES, pack

HISTORY = {name: [1, 2] for name in HISTORY_COLUMNS}


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with open_store(locate(None, tmp_path), write=True) as opened:
        yield opened


@pytest.fixture
def stored_study(store):
    """The study that is confirmed, in the store."""
    return store.create("isolated", metric="validation accuracy")


@pytest.fixture
def add_trained(space):
    """Add a trial that was trained to its end, with the configuration of a reported experiment; returns its number."""

    def add(study, value, *, state="COMPLETE", of=0, **attributes):
        configuration = space.from_dict(space.reported[of].configuration)
        trained = {
            "config": configuration.to_dict(),
            "history": HISTORY,
            "best_epoch": 2,
            "train_seconds": 3.0,
            "images_per_second": 40.0,
            "dtype_policy": "float32",
        }
        params = space.to_params(configuration)
        study.add_trial(
            create_trial(
                state=TrialState[state],
                value=value,
                params=params,
                distributions={name: space.distributions[name] for name in params},
                user_attrs=trained | attributes,
            )
        )
        return len(study.get_trials(deepcopy=False)) - 1

    return add


@pytest.fixture
def add_confirmation():
    """Add a trial that confirms another study's trial, with these true and predicted classes; returns its number."""

    def add(study, finalist, seed, *, val=0.5, test=0.5, state="COMPLETE", classes=None, best_epoch=2, **attributes):
        attributes = {"confirms": finalist, "seed": seed, "config": {"family": "isolated", "l2": finalist}} | attributes
        if state == "COMPLETE":
            attributes |= {"val_accuracy": val, "test_accuracy": test, "best_epoch": best_epoch}
        if classes is not None:
            attributes[TEST_CLASSES] = pack(np.asarray(classes))
        value = val if state == "COMPLETE" else None
        study.add_trial(create_trial(state=TrialState[state], value=value, user_attrs=attributes))
        return len(study.get_trials(deepcopy=False)) - 1

    return add
