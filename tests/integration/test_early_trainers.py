"""Trainers that are started before anything is known: they serve, or leave no trace."""

import psutil
import pytest

from sweep.messages import Ready
from sweep.worker.early import early_trainers, seats
from sweep.worker.slots import open_slots


@pytest.fixture
def logs(tmp_path):
    return tmp_path / "home" / "logs"


def is_gone(trainer):
    return not psutil.pid_exists(trainer._process.pid)


def test_trainers_that_nobody_took_are_ended_without_a_trace(logs, tmp_path):
    with early_trainers(2, logs=logs) as trainers:
        assert [seat.log.exists() for seat in seats(2, logs=logs)] == [True, True]
        assert not any(map(is_gone, trainers))
        started = list(trainers)
    assert all(map(is_gone, started))
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_leaves_no_trace_of_them_either(logs, tmp_path):
    with pytest.raises(ValueError, match="refused"), early_trainers(1, logs=logs):
        raise ValueError("refused")
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_before_stays(logs):
    logs.mkdir(parents=True)
    (logs / "trainer-0.log").write_text("an earlier run\n")
    with early_trainers(1, logs=logs):
        pass
    assert (logs / "trainer-0.log").read_text().startswith("an earlier run\n")


def test_what_others_put_there_meanwhile_stays(logs):
    with early_trainers(1, logs=logs):
        (logs.parent / "sweep.db").touch()
    assert [path.name for path in logs.parent.iterdir()] == ["sweep.db"]


def test_where_no_log_can_be_written_none_are_started(logs):
    logs.parent.write_text("a file where the home would be")
    with early_trainers(1, logs=logs) as trainers:
        assert trainers == []


@pytest.mark.timeout(300)  # Keras's import, on a busy machine
def test_slots_take_the_trainers_that_were_started(logs):
    with early_trainers(1, logs=logs) as trainers:
        started = list(trainers)
        (slot,) = open_slots(1, logs=logs, early=trainers)
    try:
        assert [slot.trainer] == started
        assert trainers == []
        assert isinstance(slot.trainer.receive(), Ready)
        assert slot.log.exists()
    finally:
        slot.trainer.kill()


def test_slots_start_the_trainers_that_are_missing(logs):
    with early_trainers(1, logs=logs) as trainers:
        (first,) = trainers
        slots = open_slots(2, logs=logs, early=trainers)
    assert slots[0].trainer is first
    assert slots[1].trainer is not first
    for slot in slots:
        slot.trainer.kill()
