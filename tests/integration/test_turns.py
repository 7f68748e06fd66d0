"""Which of the waiting trials is claimed next, after some were interrupted."""

import pytest

from search_spaces import find_space
from sweep.budget import BudgetChange, change_budget
from sweep.failures import FailureKind
from sweep.queueing import enqueue_experiments
from sweep.worker import ledger
from sweep.worker.claiming import claim
from sweep.worker.liveness import WorkerMark
from tests.identities import make_identity

SPACE = find_space("isolated")
IDENTITY = make_identity(dataset="digits", sampler="random", sampler_settings={})
THREE = ("isolated-1", "isolated-2", "isolated-3")


@pytest.fixture
def study(store):
    """Three reported experiments wait, and a budget for more."""
    made = store.create("isolated", metric="validation accuracy")
    change_budget(made, BudgetChange(trials=9))
    enqueue_experiments(made, SPACE, THREE)
    return made


@pytest.fixture
def claim_next(store, study, tmp_path):
    with WorkerMark(tmp_path / "workers") as mark:
        yield lambda: claim(store, study, SPACE, IDENTITY, mark)


@pytest.fixture
def end(study):
    """End a claimed trial after some epoch, whose value was reported; it waits again."""

    def give_back(claimed, *, epoch, kind=FailureKind.INTERRUPTED):
        if epoch is not None:
            claimed.trial.report(0.5, step=epoch)
        assert ledger.give_back(study, claimed.trial, kind, "a test", max_retries=9)

    return give_back


def names(claim_next, count):
    return [claim_next().attributes.get("baseline") for _ in range(count)]


def test_what_was_interrupted_goes_on_before_what_has_not_begun(claim_next, end):
    end(claim_next(), epoch=3)
    again = claim_next()
    assert (again.attributes["baseline"], again.attributes["attempt"]) == ("isolated-1", 2)
    assert names(claim_next, 2) == ["isolated-2", "isolated-3"]


def test_of_several_that_were_interrupted_the_first_one_goes_first(claim_next, end):
    running = [claim_next() for _ in THREE]
    for claimed in reversed(running):
        end(claimed, epoch=3)
    assert names(claim_next, 3) == list(THREE)


def test_it_keeps_its_turn_as_long_as_it_gets_further(claim_next, end):
    for epoch in (3, 4, 9):
        claimed = claim_next()
        assert claimed.attributes["baseline"] == "isolated-1"
        end(claimed, epoch=epoch)
    stuck = claim_next()
    assert stuck.attributes["baseline"] == "isolated-1"
    end(stuck, epoch=9)  # whatever interrupts it, perhaps it is its own fault
    assert names(claim_next, 3) == ["isolated-2", "isolated-3", "isolated-1"]


def test_what_was_interrupted_before_an_epoch_ended_goes_behind_the_others(claim_next, end):
    end(claim_next(), epoch=None)
    assert names(claim_next, 3) == ["isolated-2", "isolated-3", "isolated-1"]


def test_what_crashed_goes_behind_the_others(claim_next, end):
    end(claim_next(), epoch=3, kind=FailureKind.CRASH)
    assert names(claim_next, 3) == ["isolated-2", "isolated-3", "isolated-1"]


def test_after_a_crash_it_has_the_turn_that_it_got_then(claim_next, end):
    end(claim_next(), epoch=3, kind=FailureKind.CRASH)
    second, third, first = (claim_next() for _ in THREE)
    for claimed in (first, third, second):
        end(claimed, epoch=5)
    assert names(claim_next, 3) == ["isolated-2", "isolated-3", "isolated-1"]


def test_a_retry_of_a_trial_that_is_not_there_waits_in_its_own_place(study, claim_next):
    study.enqueue_trial({}, user_attrs={"retry_of": 99, "interruptions": 1, "enqueued": True})
    assert names(claim_next, 4) == [*THREE, None]
