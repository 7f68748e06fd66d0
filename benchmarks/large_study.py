"""A study of thousands of trials to read from: some written through Optuna, the others copied from them with SQL."""

import json

import numpy as np
import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial
from sqlalchemy import create_engine, text

from search_spaces import find_space
from storage import Location, open_store
from sweep.budget import BudgetChange, change_budget
from sweep.identity import ATTRIBUTE, Identity
from sweep.metrics import scores
from sweep.runs import record_begin
from sweep.samplers import PRUNERS, SAMPLERS

NAME = "isolated"
WRITTEN = 100  # trials through Optuna: every 100th is the same
EPOCHS = 20
# Optuna's tables with the columns that are copied; each row has a number of its own besides.
COPIED = {
    "trial_params": "param_name, param_value, distribution_json",
    "trial_values": "objective, value, value_type",
    "trial_intermediate_values": "step, intermediate_value, intermediate_value_type",
    "trial_user_attributes": "key, value_json",
}


def make(location: Location, *, trials: int, running: int = 0) -> None:
    """Make a study named `isolated` in an empty store.

    Writing 10,000 trials through Optuna takes minutes; no reader can tell the copies apart.

    Args:
        location: The store.
        trials: How many; a multiple of 100.
        running: So many of them, the last ones, run on other hosts. Default: 0.
    """
    space = find_space("isolated")
    chance = np.random.default_rng(1)
    identity = Identity(
        family=space.name,
        without=(),
        space_hash=space.hash,
        recipe="report",
        dataset="fashion-mnist",
        dataset_sha256="0" * 64,
        labels=tuple(str(label) for label in range(10)),
        image_shape=(28, 28, 1),
        image_size=None,
        color=False,
        validation_fraction=0.1,
        limit=700,
        epochs=EPOCHS,
        patience=5,
        batch_size=128,
        seed=43,
        sampler="tpe",
        sampler_settings=SAMPLERS["tpe"],
        pruner="median",
        pruner_settings=PRUNERS["median"],
        weights=None,
    )
    with open_store(location, write=True) as store:
        study = store.create(NAME, metric="validation accuracy")
        study.set_user_attr(ATTRIBUTE, identity.to_dict())
        change_budget(study, BudgetChange(trials=2 * trials))
        record_begin(study, "start")
        sampler = optuna.samplers.RandomSampler(seed=1)
        drawing = optuna.create_study(direction="maximize", sampler=sampler)
        for number in range(WRITTEN):
            study.add_trial(_trial(drawing, number, chance))
    if trials > WRITTEN:
        _copy(location, trials // WRITTEN - 1)
    if running:
        _run_again(location, after=trials - running)


def _copy(location: Location, times: int) -> None:
    """Copy all trials so many times."""
    engine = create_engine(location.url)
    with engine.begin() as connection:
        copies = f"WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < {times})"
        connection.execute(
            text(
                f"INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) {copies} "
                f"SELECT trial_id + n * {WRITTEN}, number + n * {WRITTEN}, study_id, state, datetime_start, "
                "datetime_complete FROM copy CROSS JOIN trials"
            )
        )
        for table, columns in COPIED.items():
            connection.execute(
                text(
                    f"INSERT INTO {table} (trial_id, {columns}) {copies} "
                    f"SELECT trial_id + n * {WRITTEN}, {columns} FROM copy CROSS JOIN {table}"
                )
            )
        if location.sqlite_path is None:
            # The server counts its own numbers only, and gives the next trial one that a copy has.
            counter = "pg_get_serial_sequence('trials', 'trial_id')"
            connection.execute(text(f"SELECT setval({counter}, (SELECT max(trial_id) FROM trials))"))
            connection.execute(text("ANALYZE"))  # the server does so by itself, but some minutes later
    engine.dispose()


def _run_again(location: Location, *, after: int) -> None:
    engine = create_engine(location.url)
    with engine.begin() as connection:
        asked = "UPDATE trials SET state = 'RUNNING', datetime_complete = NULL WHERE number >= :after"
        connection.execute(text(asked), {"after": after})
    engine.dispose()


def _trial(drawing: optuna.Study, number: int, chance: np.random.Generator) -> FrozenTrial:
    """A finished trial as the worker writes it: six of ten complete, three pruned, one failed."""
    trial = drawing.ask()
    configuration = find_space("isolated").suggest(trial)
    state = (TrialState.COMPLETE,) * 6 + (TrialState.PRUNED,) * 3 + (TrialState.FAIL,)
    ended = state[number % len(state)]
    epochs = EPOCHS if ended is TrialState.COMPLETE else 4
    accuracies = [float(value) for value in np.sort(chance.uniform(0.5, 0.9, epochs))]
    history = {
        "epoch": list(range(1, epochs + 1)),
        **{
            name: [float(value) for value in chance.uniform(0, 1, epochs)]
            for name in ("loss", "accuracy", "val_loss", "val_accuracy", "seconds")
        },
    }
    attributes = {
        "config": configuration.to_dict(),
        "draw": number + 1,
        "attempt": 1,
        "worker": "host.1234.0123456789ab",
        "quick_look": True,
        "parameters": 123_456,
        "trainable_parameters": 123_456,
        "forward_macs": 1_234_567,
        "seed": 43,
        "host": f"box-{number % 3}",
        "backend": "tensorflow",
        "device": "cpu",
        "versions": {"python": "3.12.0", "keras": "3.15.0", "tensorflow": "2.21.0", "optuna": "5.0.0"},
        "git_commit": "0" * 40,
        "epochs_run": epochs,
        "best_epoch": epochs,
        "train_seconds": 60.5,
        "images_per_second": 1234.5,
        "dtype_policy": "float32" if number % 3 else "mixed_bfloat16",
        "history": history,
    }
    if ended is TrialState.COMPLETE:
        matrix = chance.integers(1, 100, (10, 10))
        measures = {name: float(value) for name, value in vars(scores(matrix)).items() if isinstance(value, float)}
        attributes |= {f"val_{name}": value for name, value in measures.items()}
        attributes |= {"val_loss": 0.5, "val_cross_entropy": 0.4, "val_confusion_matrix": matrix.tolist()}
    elif ended is TrialState.PRUNED:
        attributes["pruned_because"] = "worse than the median at epoch 4"
    else:
        attributes |= {"failure": "nan", "failure_message": "the loss became NaN in epoch 4"}
    return create_trial(
        state=ended,
        value=accuracies[-1] if ended is TrialState.COMPLETE else None,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=json.loads(json.dumps(attributes)),
        intermediate_values=dict(enumerate(accuracies, 1)),
    )
