"""What is simulated is what a worker would have done."""

import math

import optuna
import pytest
from optuna.trial import TrialState
from replaying.catalogue import BY_NAME, RANDOM, RESUMING, TPE_HALVING, Job, course
from replaying.curves import AXES, Cost
from replaying.searches import Search, StudySearch
from replaying.simulator import simulate

from sweep.samplers import SAMPLERS, make_pruner, make_sampler, pruner_settings

FINISHED = 40


def replay(curves, job, *, seed=1, finished=FINISHED):
    ends = []
    for end in course(curves, job, seed=seed, stop=lambda _: len(ends) >= finished):
        ends.append(end)
    return ends[:finished]


@pytest.mark.parametrize("name", [RANDOM.name, "TPE + median", TPE_HALVING.name, "TPE + Hyperband"])
def test_one_worker_does_what_a_plain_loop_does(curves, name):
    search = BY_NAME[name]
    study = optuna.create_study(study_name="replay-1", direction="maximize")
    study.pruner = search.make_pruner(epochs=curves.epochs, steps=curves.steps)
    known, values = {}, []
    for draw in range(1, FINISHED + 1):
        trial = study.ask()
        study.sampler = search.make_sampler(
            seed=1, draw=draw, is_known=lambda params: curves.space.from_params(params) in known
        )
        configuration = curves.space.suggest(trial)
        curve = curves.nearest(configuration)
        if configuration in known:
            trial.set_user_attr("reused_from", 0)  # which one does not matter here
            value, reports = known[configuration]
            for step, report in reports.items() if value is None else ():
                trial.report(report, step=step)
        else:
            value = curve.value
            for epoch, report in enumerate(curve.reported, 1):
                trial.report(report, step=epoch)
                if trial.should_prune():
                    value = None
                    break
        told = study.tell(trial, value, state=TrialState.PRUNED if value is None else None)
        known.setdefault(configuration, (value, told.intermediate_values))
        values.append((curve.trial, value))
    assert [(end.curve.trial, end.value) for end in replay(curves, Job(name=name))] == values
    assert name == RANDOM.name or any(value is None for _, value in values)


def test_without_a_pruner_trials_are_the_recorded_ones(curves):
    spent = Cost()
    for end in replay(curves, Job(name=RANDOM.name), finished=50):
        assert end.value == end.curve.value
        if end.epochs:  # a repeat is not trained
            assert end.epochs == curves.epochs
            spent = sum(end.curve.costs, spent + curves.overhead)
        assert (end.spent, end.clock) == (spent, pytest.approx(spent.seconds))


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", [TPE_HALVING.name, RESUMING])
def test_a_trial_that_is_cut_costs_the_epochs_it_trained(curves, name, workers):
    job = Job(name=name, workers=workers)
    ends = replay(curves, job)
    cut = [end for end in ends if end.value is None and end.epochs]
    assert cut
    for end in cut:
        assert end.epochs < curves.epochs
    if workers == 1:
        # Parts of resumed trials begin later in the curve: here epochs of one curve cost the same.
        for axis in AXES:
            costs = [getattr(each, axis) for end in ends for each in end.curve.costs[: end.epochs]]
            parts = sum(bool(end.epochs) for end in ends) * getattr(curves.overhead, axis)
            assert getattr(ends[-1].spent, axis) == pytest.approx(sum(costs) + parts)


@pytest.mark.parametrize("workers", [1, 4, 16])
@pytest.mark.parametrize("name", [RANDOM.name, TPE_HALVING.name, RESUMING])
def test_no_more_trials_run_at_once_than_there_are_workers(curves, name, workers):
    trained = [end for end in replay(curves, Job(name=name, workers=workers)) if end.epochs]
    at_once = [sum(other.begun <= end.begun < other.clock for other in trained) for end in trained]
    assert max(at_once) <= workers
    assert workers == 1 or max(at_once) > 1
    assert [end.clock for end in trained] == sorted(end.clock for end in trained)


def test_several_workers_never_take_longer_on_the_clock_and_cost_as_much(curves):
    one, four = (replay(curves, Job(name=RANDOM.name, workers=workers)) for workers in (1, 4))
    assert four[-1].clock < one[-1].clock
    busy = sum(end.clock - end.begun for end in four if end.epochs)
    assert (
        busy
        <= four[-1].spent.seconds
        <= 4 * four[-1].clock
        + 4 * max(sum((cost.seconds for cost in curve.costs), curves.overhead.seconds) for curve in curves.curves)
    )


@pytest.mark.parametrize("name", [TPE_HALVING.name, RESUMING, "one epoch, then the best of each ten"])
def test_the_same_seed_gives_the_same_replay(curves, name):
    first, again = (replay(curves, Job(name=name), seed=3) for _ in range(2))
    assert first == again
    assert first != replay(curves, Job(name=name), seed=4)


def test_a_repeat_ends_as_its_configuration_did_and_costs_nothing(curves):
    scheme = StudySearch(curves, Search(name="", pruner="halving"), seed=1)
    ends = []
    for end in simulate(scheme, workers=1, overhead=curves.overhead, stop=lambda _: len(ends) >= 80):
        ends.append(end)
    trials = scheme.study.get_trials(deepcopy=False)
    ended = {}
    repeats = 0
    for trial, end in zip(trials, ends, strict=False):
        configuration = curves.space.from_params(trial.params)
        if end.epochs == 0:
            repeats += 1
            earlier = ended[configuration]
            assert (trial.state, trial.value, trial.intermediate_values) == (
                earlier.state,
                earlier.value,
                {} if earlier.state is TrialState.COMPLETE else earlier.intermediate_values,
            )
        else:
            assert configuration not in ended
        ended.setdefault(configuration, trial)
    assert repeats


def test_reported_experiments_come_first_and_are_never_pruned(curves):
    ends = replay(curves, Job(name=TPE_HALVING.name, reported=True))
    assert all(end.value is not None for end in ends[:10])
    assert any(end.value is None for end in ends[10:])


def test_searches_have_the_settings_of_the_service(curves):
    for name in ("median", "halving", "hyperband"):
        ours = Search(name="", pruner=name).make_pruner(epochs=12, steps=47)
        settings = pruner_settings(name, epochs=12, steps=47)
        assert vars(ours) == vars(make_pruner(name, settings, epochs=12))
    ours, theirs = (
        each.sample_independent(None, None, "l2", curves.space.distributions["l2"])
        for each in (RANDOM.make_sampler(seed=1, draw=2), make_sampler("random", SAMPLERS["random"], seed=1, draw=2))
    )
    assert ours == theirs
    assert not math.isnan(ours)
