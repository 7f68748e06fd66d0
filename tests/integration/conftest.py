"""Real stores, and processes that work on them."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta

import pytest
from optuna.storages._rdb.models import TrialHeartbeatModel, TrialModel
from sqlalchemy import create_engine, select, update

from storage import locate, open_store
from sweep.messages import EpochEnd

PROCESSES = 8


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request, tmp_path):
    """Where an empty store will be: the same tests hold for both engines."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return locate(url, tmp_path)


@pytest.fixture
def sqlite_location(tmp_path):
    return locate(None, tmp_path)


@pytest.fixture
def store(location):
    with open_store(location, write=True) as opened:
        yield opened


@pytest.fixture
def study(store):
    """A study without any queue."""
    return store.create("isolated", metric="validation accuracy")


@pytest.fixture(scope="session")
def pool():
    """Processes that have imported nothing of this one; they are kept, for imports take longer than the tests."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as executor, context.Manager() as manager:
        yield executor, manager


@pytest.fixture
def at_once(pool):
    """Call a function in `count` processes: each gets a barrier to wait at, then the other arguments."""
    executor, manager = pool

    def call(count, function, *arguments):
        start = manager.Barrier(count)
        return [future.result() for future in [executor.submit(function, start, *arguments) for _ in range(count)]]

    return call


@pytest.fixture
def fall_silent(location):
    """Turn back the clock of a running trial."""

    def turn_back(trial, seconds):
        engine = create_engine(location.url)
        with engine.begin() as connection:
            row = TrialHeartbeatModel.trial_id == trial._trial_id
            last = connection.execute(select(TrialHeartbeatModel.heartbeat).where(row)).scalar_one()
            past = timedelta(seconds=seconds)
            connection.execute(update(TrialHeartbeatModel).where(row).values(heartbeat=last - past))
            row = TrialModel.trial_id == trial._trial_id
            begun = connection.execute(select(TrialModel._datetime_start_utc).where(row)).scalar_one()
            connection.execute(update(TrialModel).where(row).values({"_datetime_start_utc": begun - past}))
        engine.dispose()

    return turn_back


@pytest.fixture
def train(monkeypatch):
    """Run a job, with a checkpoint after every epoch, to its end or to the end of an epoch; returns every answer."""
    import keras  # here: most tests of this folder do without, and wait for seconds else

    from sweep.trainer import checkpoints
    from sweep.trainer.training import Trainer

    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 0.0)

    def run(job, *, until=None):
        answers = []

        def is_stopped(_trial):
            return until is not None and any(isinstance(a, EpochEnd) and a.epoch == until for a in answers)

        Trainer(send=answers.append, is_stopped=is_stopped).run(job)
        keras.config.set_dtype_policy("float32")
        return answers

    return run
