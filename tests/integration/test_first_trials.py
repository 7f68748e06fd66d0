"""The networks that a family begins with: enqueued once, trained before anything is sampled, compared with nothing."""

from pathlib import Path

import pytest
from optuna.trial import TrialState

from search_spaces import find_space
from storage import open_store
from sweep.baselines import compare
from sweep.budget import BudgetChange
from sweep.creation import create_or_resume
from sweep.data.dataset import DataReference
from sweep.failures import FailureKind
from sweep.preparation import Prepared
from sweep.queueing import enqueue_configuration, enqueue_experiments
from sweep.standing import CONFIRMS
from sweep.worker import ledger
from sweep.worker.claiming import claim
from sweep.worker.liveness import WorkerMark
from tests.identities import make_identity

SPACE = find_space("residual")
IDS = [first.id for first in SPACE.first_trials]
FIRST = [SPACE.from_dict(first.configuration) for first in SPACE.first_trials]
IDENTITY = make_identity(
    family="residual", space_hash=SPACE.hash, dataset="digits", sampler="random", sampler_settings={}
)
PREPARED = Prepared(
    name="residual",
    space=SPACE,
    identity=IDENTITY,
    data=DataReference(name="digits", cache_dir=Path("unused")),
    found_data="nowhere",
    images=(90, 10, 10),
    backbone_weights={},
)


@pytest.fixture
def mark(tmp_path):
    """The mark of a worker of this host."""
    with WorkerMark(tmp_path / "workers") as made:
        yield made


def waiting(study):
    return study.get_trials(states=(TrialState.WAITING,))


def test_they_are_trained_first_and_are_no_baselines_and_no_draws(store, mark):
    study, _ = create_or_resume(PREPARED, store, BudgetChange(trials=9))
    claims = []
    for _ in range(len(FIRST) + 2):
        claims.append(claim(store, study, SPACE, IDENTITY, mark))
        study.tell(claims[-1].trial, 0.5)
    begun, drawn = claims[: len(FIRST)], claims[len(FIRST) :]
    assert [each.configuration for each in begun] == FIRST
    assert [each.attributes["first_trial"] for each in begun] == IDS
    assert all(each.attributes["enqueued"] is True for each in begun)
    assert not any({"baseline", "draw"} & each.attributes.keys() for each in begun)
    assert [each.attributes["draw"] for each in drawn] == [1, 2]
    assert compare(study) == ()


def _create(start, location):
    with open_store(location, write=True) as store:
        start.wait()
        create_or_resume(PREPARED, store, BudgetChange())


def test_four_processes_create_a_study_with_each_of_them_once(at_once, location):
    at_once(4, _create, location)
    with open_store(location) as reader:
        assert [trial.user_attrs["first_trial"] for trial in reader.load("residual").trials] == IDS


@pytest.mark.parametrize("there", IDS)
def test_a_creation_that_was_cut_short_is_completed_once(store, there):
    study = store.create("residual", metric="validation accuracy")
    study.enqueue_trial({}, user_attrs={"enqueued": True, "first_trial": there})
    for _ in range(3):
        create_or_resume(PREPARED, store, BudgetChange())
    assert sorted(trial.user_attrs["first_trial"] for trial in waiting(study)) == sorted(IDS)


def test_what_a_person_enqueued_does_not_count_as_one_of_them(store):
    study = store.create("residual", metric="validation accuracy")
    enqueue_configuration(study, SPACE, FIRST[0])
    create_or_resume(PREPARED, store, BudgetChange())
    assert [trial.user_attrs.get("first_trial") for trial in waiting(study)] == [None, *IDS]


def test_one_that_was_trained_already_is_not_trained_again(store, mark):
    study = store.create("residual", metric="validation accuracy")
    enqueue_configuration(study, SPACE, FIRST[0])
    create_or_resume(PREPARED, store, BudgetChange(trials=9))
    asked = claim(store, study, SPACE, IDENTITY, mark)
    study.tell(asked.trial, 0.5)
    first = claim(store, study, SPACE, IDENTITY, mark)
    assert first.attributes["first_trial"] == IDS[0]
    assert first.repeat_of.number == asked.trial.number


def test_a_retry_of_one_of_them_stands_for_it(store, mark):
    study, _ = create_or_resume(PREPARED, store, BudgetChange(trials=9))
    lost = claim(store, study, SPACE, IDENTITY, mark)
    ledger.give_back(study, lost.trial, FailureKind.INTERRUPTED, "a test", max_retries=2)
    create_or_resume(PREPARED, store, BudgetChange())
    again = [trial for trial in waiting(study) if "retry_of" in trial.user_attrs]
    assert [trial.user_attrs["first_trial"] for trial in again] == [IDS[0]]
    assert again[0].user_attrs["enqueued"] is True
    assert len(study.trials) == len(IDS) + 1


def test_a_study_that_confirms_others_gets_none(study):
    study.set_user_attr(CONFIRMS, {"study": "residual"})
    assert enqueue_experiments(study, SPACE) == 0
    assert study.trials == []


@pytest.mark.parametrize("name", ["isolated", "grouped", "pretrained"])
def test_the_reports_families_begin_with_its_experiments_alone(study, name):
    enqueue_experiments(study, find_space(name))
    assert all("baseline" in trial.user_attrs and "enqueued" not in trial.user_attrs for trial in study.trials)


def test_in_all_families_they_wait_behind_the_reported_experiments(sqlite_location):
    space = find_space("all")
    identity = make_identity(family="all", space_hash=space.hash)
    prepared = Prepared(**(vars(PREPARED) | {"name": "all", "space": space, "identity": identity}))
    with open_store(sqlite_location, write=True) as store:
        study, _ = create_or_resume(prepared, store, BudgetChange())
        trials = study.trials
    assert [trial.user_attrs.get("first_trial") for trial in trials] == [None] * len(space.reported) + IDS
    assert space.from_params(trials[-1].system_attrs["fixed_params"]) == FIRST[-1]
