"""Trials that are read again and again: as Optuna shows them, but for what happens to those that run."""

import random

import pytest
from optuna.distributions import IntDistribution
from optuna.trial import TrialState

from storage import open_store
from storage.engines import without_optuna_warnings


def what_matters(trial):
    """All of a trial that has finished, else what does not change before its end."""
    if trial.state.is_finished():
        return trial
    return trial.number, trial.state, trial.params


def ask(study):
    with without_optuna_warnings():
        return study.ask()


def step(study, chance):
    """Something that happens to a study: a trial begins, is given parameters, reports, ends, or waits."""
    running = study.get_trials(states=(TrialState.RUNNING,))
    what = chance.choice(["begin", "begin", "work", "work", "end", "end", "enqueue", "wait"])
    if what == "begin":
        trial = ask(study)
        if chance.random() < 0.7:
            trial.suggest_int("units", 1, 9)
    elif what == "enqueue":
        study.enqueue_trial({"units": 3}, user_attrs={"baseline": "one"})
    elif what == "work" and running:
        trial_id = chance.choice(running)._trial_id
        study._storage.set_trial_intermediate_value(trial_id, 1, chance.random())
        if not study._storage.get_trial(trial_id).params:
            study._storage.set_trial_param(trial_id, "units", 4, IntDistribution(1, 9))
        elif chance.random() < 0.5:
            study._storage.set_trial_user_attr(trial_id, "config", {"units": 4})
    elif what == "end" and running:
        state = chance.choice([TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL])
        values = [chance.random()] if state is TrialState.COMPLETE else None
        study._storage.set_trial_state_values(chance.choice(running)._trial_id, state, values)


@pytest.mark.parametrize("seed", range(5))
def test_they_are_the_trials_that_optuna_reads(store, study, seed):
    chance = random.Random(seed)
    other = store.create("other", metric="validation accuracy")
    for _ in range(25):
        for _ in range(chance.randrange(4)):
            step(chance.choice([study, study, other]), chance)
        expected = store._rdb.get_all_trials(study._study_id)  # without any cache
        assert [what_matters(trial) for trial in store.read_trials(study)] == [
            what_matters(trial) for trial in expected
        ]
        if chance.random() < 0.3:
            assert study.get_trials() == expected


def test_a_trial_that_runs_is_read_until_it_has_its_configuration_and_once_it_has_ended(store, study, monkeypatch):
    found = []
    backend = store._rdb
    read = backend._get_trials

    def counted(*arguments, **named):
        trials = read(*arguments, **named)
        found.extend(trials)
        return trials

    monkeypatch.setattr(backend, "_get_trials", counted)

    def numbers_read():
        found.clear()
        store.read_trials(study)
        return [trial.number for trial in found]

    trials = [store.begin_trial(study) for _ in range(3)]
    assert numbers_read() == [0, 1, 2]
    for trial in trials:
        trial.suggest_int("units", 1, 9)
    assert numbers_read() == [0, 1, 2]
    for trial in trials:
        trial.set_user_attr("config", trial.params)
    assert numbers_read() == [0, 1, 2]
    trials[1].report(0.5, 1)
    assert numbers_read() == []
    study.tell(trials[1], 0.5)
    assert numbers_read() == [1]
    assert numbers_read() == []


def test_a_trial_that_began_and_ended_between_the_two_looks_waits_for_the_one_before_it(location, store, study):
    backend = store._rdb
    read = backend._get_trials
    with open_store(location, write=True) as elsewhere, pytest.MonkeyPatch.context() as patch:
        theirs = elsewhere.load(study.study_name)

        def late(*arguments):
            found = read(*arguments)
            patch.undo()
            ask(theirs)  # runs on, and is seen by neither look
            theirs.tell(ask(theirs), 0.5)
            return found

        patch.setattr(backend, "_get_trials", late)
        assert store.read_trials(study) == []
    assert [trial.state.name for trial in store.read_trials(study)] == ["RUNNING", "COMPLETE"]


def test_trials_that_others_began_before_one_of_ours_are_found(location, store, study):
    with open_store(location, write=True) as elsewhere:
        theirs = elsewhere.load(study.study_name)
        for _ in range(3):
            elsewhere.begin_trial(theirs)
            store.begin_trial(study)
    assert [trial.number for trial in store.read_trials(study)] == list(range(6))


def test_a_trial_that_is_seen_between_two_of_its_parameters_has_both_later(store, study):
    trial = store.begin_trial(study)
    for name in ("units", "layers"):
        trial.suggest_int(name, 1, 9)
        assert store.read_trials(study)[0].params == trial.params
