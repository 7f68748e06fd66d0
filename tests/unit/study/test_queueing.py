import pytest
from optuna.trial import TrialState

from sweep.failures import FailureKind
from sweep.queueing import MAX_INTERRUPTIONS, enqueue_configuration, enqueue_experiments, requeue
from sweep.samplers import make_sampler


@pytest.fixture
def ask(study, space):
    """A running trial as `claim` makes it, with its parameters or, if its worker died before, without."""

    def make(*, suggested=True, **attributes):
        trial = study.ask()
        for name, value in attributes.items():
            trial.set_user_attr(name, value)
        if suggested:
            trial.set_user_attr("config", space.suggest(trial).to_dict())
        return trial

    return make


@pytest.fixture
def fail(study):
    """Fail a trial and give it back."""

    def end(trial, kind=FailureKind.CRASH, max_retries=2):
        waits = requeue(study, study.get_trials()[trial.number], kind, max_retries=max_retries)
        study.tell(trial, state=TrialState.FAIL)
        return waits

    return end


def waiting(study):
    return study.get_trials(states=(TrialState.WAITING,))


def test_the_reported_experiments_wait_in_the_report_s_order(study, space):
    assert enqueue_experiments(study, space) == len(space.reported)
    assert [trial.user_attrs["baseline"] for trial in waiting(study)] == [each.id for each in space.reported]
    for trial, experiment in zip(waiting(study), space.reported, strict=True):
        configuration = space.from_dict(experiment.configuration)
        assert trial.system_attrs["fixed_params"] == space.to_params(configuration)


def test_only_chosen_experiments_are_enqueued_and_the_others_later(study, space):
    assert enqueue_experiments(study, space, ("isolated-6", "isolated-3")) == 2
    assert [trial.user_attrs["baseline"] for trial in waiting(study)] == ["isolated-3", "isolated-6"]
    assert enqueue_experiments(study, space) == len(space.reported) - 2


def test_only_missing_experiments_are_enqueued(study, space):
    study.enqueue_trial({}, user_attrs={"baseline": "isolated-2"})
    assert enqueue_experiments(study, space) == len(space.reported) - 1
    assert enqueue_experiments(study, space) == 0


def test_a_failed_experiment_is_not_enqueued_again(study, space):
    enqueue_experiments(study, space)
    study.tell(study.ask(), state=TrialState.FAIL)
    assert enqueue_experiments(study, space) == 0


def test_an_enqueued_configuration_is_trained_as_it_is(study, space):
    configuration = space.from_dict({"conv_layers": 4, "l2": None, "batch_norm": True, "dropout": 0.25})
    enqueue_configuration(study, space, configuration)
    trial = study.ask()
    assert space.suggest(trial) == configuration
    assert trial.user_attrs == {"enqueued": True, "attempt": 1}


def test_a_trial_given_back_keeps_parameters_and_history(study, space, ask, fail):
    trial = ask(attempt=1, draw=7, baseline="isolated-1", val_accuracy=0.5)
    assert fail(trial)
    (retry,) = waiting(study)
    assert retry.system_attrs["fixed_params"] == trial.params
    assert retry.user_attrs == {
        "attempt": 2,
        "retry_of": trial.number,
        "draw": 7,
        "baseline": "isolated-1",
        "crashes": 1,
    }


@pytest.mark.parametrize("max_retries", [0, 1, 2])
def test_so_many_crashes_are_forgiven(ask, fail, max_retries):
    for _ in range(max_retries):
        assert fail(ask(), max_retries=max_retries)
    last = ask()
    assert last.user_attrs.get("attempt", 1) == max_retries + 1
    assert not fail(last, max_retries=max_retries)


def test_an_interruption_is_not_charged_to_the_retries(study, ask, fail):
    assert fail(ask(), FailureKind.INTERRUPTED, max_retries=0)
    retry = ask()
    assert (retry.user_attrs["attempt"], retry.user_attrs["interruptions"]) == (2, 1)
    assert not fail(retry, FailureKind.CRASH, max_retries=0)


def test_interruptions_have_a_ceiling_of_their_own(ask, fail):
    for _ in range(MAX_INTERRUPTIONS):
        assert fail(ask(suggested=False), FailureKind.INTERRUPTED)
    assert not fail(ask(suggested=False), FailureKind.INTERRUPTED)


def test_a_retry_waits_once_however_often_its_trial_is_given_back(study, ask):
    number = ask().number
    failed = study.get_trials()[number]
    assert requeue(study, failed, FailureKind.CRASH, max_retries=2)
    assert requeue(study, failed, FailureKind.CRASH, max_retries=2)
    assert len(waiting(study)) == 1


def test_a_lost_trial_without_parameters_draws_the_same_again(study, space, ask, fail):
    fail(ask(suggested=False, draw=3, attempt=1), FailureKind.INTERRUPTED)
    retry = study.ask()
    assert retry.user_attrs["draw"] == 3
    study.sampler = make_sampler("random", {}, seed=43, draw=3)
    again = space.suggest(retry)
    fresh = study.ask()
    study.sampler = make_sampler("random", {}, seed=43, draw=3)
    assert space.suggest(fresh) == again


def test_a_trial_lost_in_the_middle_of_drawing_draws_the_same_again(study, space, ask, fail):
    lost = ask(suggested=False, draw=3, attempt=1)
    study.sampler = make_sampler("random", {}, seed=43, draw=3)
    lost.suggest_categorical("conv_layers", (3, 4))
    fail(lost, FailureKind.INTERRUPTED)
    assert waiting(study)[0].system_attrs["fixed_params"] == {}


def test_an_experiment_lost_before_it_had_its_parameters_is_still_that_experiment(study, space, ask, fail):
    enqueue_experiments(study, space)
    lost = ask(suggested=False)
    fail(lost, FailureKind.INTERRUPTED)
    retry = waiting(study)[-1]
    configuration = space.from_dict(space.reported[0].configuration)
    assert retry.user_attrs["baseline"] == space.reported[0].id
    assert retry.system_attrs["fixed_params"] == space.to_params(configuration)
