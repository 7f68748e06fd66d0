import optuna
import pytest
from optuna.trial import TrialState

from sweep.samplers import PRUNERS, SAMPLERS, make_pruner, make_sampler, pruner_settings


@pytest.fixture(params=sorted(SAMPLERS))
def propose(request, space):
    """The parameters that a draw proposes after the same 15 finished trials."""

    def draw(number, seed=43):
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
        for _ in range(15):
            trial = study.ask()
            configuration = space.suggest(trial)
            study.tell(trial, 0.5 + 0.1 * configuration.batch_norm)
        study.sampler = make_sampler(request.param, SAMPLERS[request.param], seed=seed, draw=number)
        trial = study.ask()
        space.suggest(trial)
        return trial.params

    return draw


@pytest.fixture
def propose_among(space):
    """What TPE proposes after the same 20 trials where some parameters are known."""

    def propose(is_known):
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
        for number in range(20):
            trial = study.ask()
            space.suggest(trial)
            study.tell(trial, number / 20)
        study.sampler = make_sampler("tpe", SAMPLERS["tpe"], seed=43, draw=21, is_known=is_known)
        trial = study.ask()
        space.suggest(trial)
        return trial.params

    return propose


def test_the_same_seed_and_draw_propose_the_same(propose):
    assert propose(3) == propose(3)


def test_another_draw_proposes_something_else(propose):
    proposals = [propose(draw) for draw in range(1, 6)]
    assert all(proposals.count(proposal) == 1 for proposal in proposals)


def test_another_seed_proposes_something_else(propose):
    assert propose(3, seed=43) != propose(3, seed=44)


def test_a_seed_and_a_draw_that_change_places_are_another_draw(propose):
    assert propose(2, seed=5) != propose(5, seed=2)


def test_what_is_known_is_not_proposed(space, propose_among):
    first = propose_among(lambda _: False)
    assert propose_among(lambda params: params == first) != first


def test_where_everything_is_known_something_is_proposed_all_the_same(space, propose_among):
    assert propose_among(lambda _: True).keys() == space.distributions.keys()


def proposed_in(space, *, distributions=None, given=False):
    """What is proposed in a study of twenty trials, of which some were pruned and some run."""
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for number in range(20):
        trial = study.ask()
        space.suggest(trial)
        trial.report(number / 20, 1)
        if number % 5 == 1:
            study.tell(trial, state=TrialState.PRUNED)
        elif number % 5:
            study.tell(trial, number / 20)
    found = []
    for draw in range(21, 26):
        trials = study.get_trials(deepcopy=False) if given else None
        study.sampler = make_sampler(
            "tpe", SAMPLERS["tpe"], seed=43, draw=draw, distributions=distributions, trials=trials
        )
        trial = study.ask()
        space.suggest(trial)
        found.append(trial.params)
        study.tell(trial, 0.5)
    return found


def test_a_sampler_that_is_told_the_parameters_proposes_what_one_proposes_that_looks_for_them(space):
    assert proposed_in(space, distributions=space.distributions) == proposed_in(space)


def test_a_sampler_that_is_given_the_trials_proposes_what_one_proposes_that_reads_them(space):
    assert proposed_in(space, given=True) == proposed_in(space)


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_configuration_that_was_repeated_counts_once(space, pruner):
    def proposed(repeats):
        study = optuna.create_study(
            study_name="counted once", direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1)
        )
        for number in range(20):
            trial = study.ask()
            space.suggest(trial)
            study.tell(trial, number / 20)
        for _ in range(repeats):
            study.enqueue_trial(study.best_params, user_attrs={"reused_from": study.best_trial.number})
            trial = study.ask()
            space.suggest(trial)
            study.tell(trial, study.best_value)
        study.pruner = make_pruner(pruner, PRUNERS[pruner], epochs=50)
        study.sampler = make_sampler("tpe", SAMPLERS["tpe"], seed=43, draw=21)
        trial = study.ask()
        space.suggest(trial)
        return trial.params

    assert proposed(repeats=40) == proposed(repeats=0)


def test_the_sampler_takes_the_settings_that_the_study_stored():
    with pytest.raises(TypeError, match="no_such_setting"):
        make_sampler("tpe", {"no_such_setting": 1}, seed=43, draw=1)
    assert make_sampler("tpe", {"n_startup_trials": 7}, seed=43, draw=1)._n_startup_trials == 7


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("median", optuna.pruners.MedianPruner),
        ("halving", optuna.pruners.SuccessiveHalvingPruner),
        ("hyperband", optuna.pruners.HyperbandPruner),
        ("none", optuna.pruners.NopPruner),
    ],
)
def test_every_pruner_can_be_made_with_its_settings(name, kind):
    assert type(make_pruner(name, PRUNERS[name], epochs=50)) is kind


def test_every_name_has_settings():
    assert set(PRUNERS) == {"median", "halving", "hyperband", "none"}
    assert set(SAMPLERS) == {"tpe", "random"}
    with pytest.raises(TypeError, match="no_such_setting"):
        make_pruner("median", {"no_such_setting": 1}, epochs=50)


def test_hyperband_is_told_how_many_epochs_there_are():
    assert make_pruner("hyperband", PRUNERS["hyperband"], epochs=17)._max_resource == 17


@pytest.mark.parametrize(
    ("epochs", "steps", "first"),
    [
        (50, 422, 1),  # all images: an epoch has enough steps
        (12, 47, 3),
        (12, 24, 3),  # no more than a quarter of a trial
        (50, 10, 12),
        (4, 5, 1),
        (1, 1, 1),
    ],
)
@pytest.mark.parametrize("name", ["median", "halving", "hyperband", "none"])
def test_no_network_is_judged_before_it_has_made_enough_steps(name, epochs, steps, first):
    judged = {"median": {"n_warmup_steps": max(2, first)}, "none": {}}.get(name, {"min_resource": first})
    settings = pruner_settings(name, epochs=epochs, steps=steps)
    assert settings == PRUNERS[name] | judged
    make_pruner(name, settings, epochs=epochs)
