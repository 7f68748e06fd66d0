"""Studies with limits: what workers claim, what trainers measure."""

from dataclasses import replace
from pathlib import Path

import pytest
from optuna.trial import TrialState

from search_spaces import find_space
from storage import open_store
from sweep.budget import BudgetChange, change_budget
from sweep.creation import create_or_resume
from sweep.data.dataset import DataReference
from sweep.failures import FailureKind
from sweep.messages import Begun, EpochEnd, Failure, Result
from sweep.preparation import Prepared
from sweep.queueing import enqueue_configuration
from sweep.samplers import SAMPLERS
from sweep.worker import ledger
from sweep.worker.claiming import Claim, Ended, claim
from sweep.worker.liveness import WorkerMark
from tests.identities import make_identity
from tests.jobs import ISOLATED, make_job

SPACE = find_space("all")
LIMITED = make_identity(
    family="all",
    space_hash=SPACE.hash,
    dataset="digits",
    labels=tuple("0123456789"),
    max_macs=150_000_000,  # isolated with three convolutions alone
)
PREPARED = Prepared(
    name="isolated",
    space=SPACE,
    identity=LIMITED,
    data=DataReference(name="digits", cache_dir=Path("unused")),
    found_data="nowhere",
    images=(90, 10, 10),
    backbone_weights={},
)
WITHIN = 9  # reported experiments


def macs_of(trial):
    return SPACE.from_params(trial.params).plan(LIMITED.image_shape, 10).forward_macs


# Claims


def _work(start, location, marks, sampler):
    identity = replace(LIMITED, sampler=sampler, sampler_settings=SAMPLERS[sampler])
    finished = 0
    with open_store(location, write=True) as store, WorkerMark(marks) as mark:
        study = store.load("isolated")
        start.wait()
        while not isinstance(answer := claim(store, study, SPACE, identity, mark), Ended):
            if isinstance(answer, Claim):
                study.tell(answer.trial, macs_of(answer.trial) / 1e9)
                finished += 1
    return finished


@pytest.mark.parametrize("sampler", sorted(SAMPLERS))
def test_every_worker_of_a_study_keeps_to_its_limits(at_once, sqlite_location, tmp_path, sampler):
    with open_store(sqlite_location, write=True) as store:
        create_or_resume(PREPARED, store, BudgetChange(trials=WITHIN + 16))
    assert sum(at_once(3, _work, sqlite_location, tmp_path / "workers", sampler)) == WITHIN + 16
    with open_store(sqlite_location) as store:
        trials = store.load("isolated").trials
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * (WITHIN + 16)
    assert max(map(macs_of, trials)) <= LIMITED.max_macs
    assert sum("baseline" in trial.user_attrs for trial in trials) == WITHIN


@pytest.fixture
def slow_once(sqlite_location, tmp_path):
    """A study of `isolated` that measured one network to be too slow; claims its next trial."""
    space = find_space("isolated")
    identity = make_identity(labels=tuple("0123456789"), max_latency=0.005)
    with open_store(sqlite_location, write=True) as store, WorkerMark(tmp_path / "workers") as mark:
        study = store.create("isolated", metric="validation accuracy")
        change_budget(study, BudgetChange(trials=10))
        enqueue_configuration(study, space, space.from_dict(ISOLATED))

        def claim_next():
            return claim(store, study, space, identity, mark)

        first = claim_next()
        plan = first.configuration.plan(identity.image_shape, 10)
        for name in ("forward_macs", "parameters"):
            first.trial.set_user_attr(name, getattr(plan, name))
        ledger.write_begun(first.trial, Begun(trial=0, dtype_policy="float32", latency_seconds=0.02))
        ledger.write_failure(study, first.trial, FailureKind.LIMIT, "20 ms for one image")
        yield study, space, claim_next


def test_layers_that_were_too_slow_are_not_measured_again_with_other_regularisers(slow_once):
    study, space, claim_next = slow_once
    enqueue_configuration(study, space, space.from_dict(ISOLATED | {"l2": None, "dropout": None}))
    again = claim_next()
    assert again.repeat_of.number == 0
    ledger.write_repeat(study, again.trial, again.repeat_of)
    repeat = study.trials[-1]
    assert (repeat.state, repeat.user_attrs["failure"]) == (TrialState.FAIL, "repeat")
    assert repeat.user_attrs["failure_message"] == "as trial 0: 20 ms for one image"


def test_other_layers_are_still_trained(slow_once):
    study, space, claim_next = slow_once
    enqueue_configuration(study, space, space.from_dict(ISOLATED | {"conv_layers": 4}))
    assert claim_next().repeat_of is None


def test_a_retry_keeps_what_was_measured_before(slow_once):
    study, space, claim_next = slow_once
    enqueue_configuration(study, space, space.from_dict(ISOLATED | {"batch_norm": False}))
    cut = claim_next()
    ledger.write_begun(cut.trial, Begun(trial=1, dtype_policy="float32", latency_seconds=0.004))
    assert ledger.give_back(study, cut.trial, FailureKind.INTERRUPTED, "a test", max_retries=2)
    assert claim_next().attributes["latency_seconds"] == 0.004


# Trainers


def test_a_network_within_the_latency_is_trained_as_without_a_limit(tmp_path, train):
    plain = train(make_job(tmp_path / "plain"))
    limited = train(make_job(tmp_path / "limited", max_latency=60.0))
    begun = [answer for answer in limited if isinstance(answer, Begun)]
    assert len(begun) == 1
    assert 0 < begun[0].latency_seconds < 60
    ends = [[(end.loss, end.val_loss) for end in answers if isinstance(end, EpochEnd)] for answers in (plain, limited)]
    assert ends[0] == ends[1]  # measuring takes nothing from the seeds of what is trained
    assert isinstance(limited[-1], Result)


def test_a_network_above_the_latency_ends_before_its_first_epoch(tmp_path, train):
    begun, failure = train(make_job(tmp_path, max_latency=1e-7))
    assert begun.latency_seconds > 1e-7
    assert isinstance(failure, Failure)
    assert failure.kind is FailureKind.LIMIT
    assert failure.message == f"{1000 * begun.latency_seconds:.3g} ms for one image, and --max-latency allows 0.0001 ms"


def test_without_a_limit_nothing_is_measured(tmp_path, train):
    assert train(make_job(tmp_path))[0] == Begun(trial=7, dtype_policy="float32")


def test_layers_are_measured_once_whatever_their_regularisers(tmp_path, monkeypatch):
    from sweep.trainer import latency

    measured = []
    monkeypatch.setattr(latency, "latency_seconds", lambda plan: measured.append(plan) or 0.001 * len(measured))
    latencies, isolated = latency.Latencies(), find_space("isolated")
    plans = [
        isolated.from_dict(ISOLATED | changes).plan((28, 28, 1), 10)
        for changes in ({}, {"l2": None, "dropout": None}, {"conv_layers": 4}, {})
    ]
    assert [latencies.of(make_job(tmp_path, plan=plan)) for plan in plans] == [0.001, 0.001, 0.002, 0.001]


def test_the_network_of_a_frozen_backbone_is_measured_whole():
    from sweep.trainer.latency import latency_seconds

    configuration = {"backbone": "vgg16", "l2": None, "batch_norm": False, "dropout": None}
    assert latency_seconds(find_space("pretrained").from_dict(configuration).plan((28, 28, 1), 10)) > 0
