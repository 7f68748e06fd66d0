"""What a claim looks at under the study's lock, on both engines."""

from optuna.trial import TrialState

from storage.glance import Glimpse


def glimpse(trial, **what):
    return Glimpse(trial_id=trial._trial_id, number=trial.number, **{"worker": None, "draw": 0} | what)


def test_a_study_without_trials_has_nothing_to_see(store, study):
    glance = store.glance(study, since=0)
    assert (dict(glance.states), glance.trials) == ({}, ())


def test_trials_are_counted_by_state_and_those_of_other_studies_are_not(store, study):
    other = store.create("other", metric="validation accuracy")
    store.begin_trial(other)
    for state in (TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL):
        study.tell(store.begin_trial(study), 0.5 if state is TrialState.COMPLETE else None, state=state)
    store.begin_trial(study)
    study.enqueue_trial({})
    glance = store.glance(study, since=6)
    assert glance.states == {"COMPLETE": 2, "PRUNED": 1, "FAIL": 1, "RUNNING": 1, "WAITING": 1}
    assert [each.number for each in glance.trials] == [4, 5]


def test_trials_that_run_or_are_new_are_seen_with_their_worker_and_draw(store, study):
    old, running, new = (store.begin_trial(study) for _ in range(3))
    running.set_user_attr("worker", "host.1.abc")
    new.set_user_attr("draw", 17)
    study.tell(old, 0.5)
    study.tell(new, 0.5)
    study.enqueue_trial({})
    waiting = study.get_trials()[3]
    assert store.glance(study, since=2).trials == (
        glimpse(running, is_running=True, worker="host.1.abc"),
        glimpse(new, is_running=False, draw=17),
        glimpse(waiting, is_running=False),
    )


def test_a_worker_that_is_no_text_is_none(store, study):
    store.begin_trial(study).set_user_attr("worker", 7)
    assert store.glance(study, since=0).trials[0].worker is None
