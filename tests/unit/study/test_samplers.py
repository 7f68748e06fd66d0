import optuna
import pytest
from optuna.trial import TrialState

from search_spaces import find_space
from sweep import samplers
from sweep.affordable import bounds_of
from sweep.past import Past
from sweep.samplers import PRUNERS, SAMPLERS, Bounds, make_pruner, make_sampler, pruner_settings, sampler_settings
from tests.identities import make_identity


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


ALL = find_space("all")
# One of three families fits, and of that one of two depths.
NARROW = make_identity(labels=tuple("abcdefghij"), max_macs=150_000_000)


def macs_of(trial):
    return ALL.from_params(trial.params).plan(NARROW.image_shape, len(NARROW.labels)).forward_macs


def drawn_within(name, bounds, *, draws=40, is_known=lambda _: False):
    """Trials of a study in which all draws are within bounds; the tenth and those after it have examples."""
    study = optuna.create_study(direction="maximize")
    for draw in range(1, draws + 1):
        study.sampler = make_sampler(
            name,
            SAMPLERS[name],
            seed=43,
            draw=draw,
            is_known=is_known,
            distributions=ALL.distributions,
            trials=study.get_trials(deepcopy=False),
            bounds=bounds,
        )
        trial = study.ask()
        ALL.suggest(trial)
        study.tell(trial, macs_of(trial) / 1e9)  # what is larger is better: TPE wants out
    return study.get_trials(deepcopy=False)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_nothing_above_a_limit_is_proposed(name):
    trials = drawn_within(name, bounds_of(ALL, NARROW))
    assert max(macs_of(trial) for trial in trials) <= NARROW.max_macs
    assert all(trial.params.keys() == ALL.distributions.keys() for trial in trials)
    assert len({tuple(trial.params.items()) for trial in trials}) > 20  # and not the same network with the same rates


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_within_limits_the_same_seed_and_draw_propose_the_same(name):
    first, again = (drawn_within(name, bounds_of(ALL, NARROW), draws=14) for _ in range(2))
    assert [trial.params for trial in first] == [trial.params for trial in again]


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_where_chance_finds_nothing_within_the_limits_a_network_that_is_known_to_be_stands_in(monkeypatch, name):
    monkeypatch.setattr(samplers, "BOUNDED_ATTEMPTS", 1)
    monkeypatch.setattr(samplers, "TPE_ATTEMPTS", 1)
    trials = drawn_within(name, bounds_of(ALL, NARROW))
    assert max(macs_of(trial) for trial in trials) <= NARROW.max_macs
    assert len({tuple(trial.params.items()) for trial in trials}) > 20


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_where_nothing_is_within_the_limits_something_is_proposed_all_the_same(name):
    nothing = Bounds(distributions=ALL.distributions, is_allowed=lambda _: False, stand_ins=list)
    trials = drawn_within(name, nothing, draws=12)
    assert all(trial.params.keys() == ALL.distributions.keys() for trial in trials)


def test_within_limits_what_is_known_is_not_proposed():
    first = drawn_within("tpe", bounds_of(ALL, NARROW), draws=12)[-1].params

    def is_known(params):
        return params.items() <= first.items()

    assert drawn_within("tpe", bounds_of(ALL, NARROW), draws=12, is_known=is_known)[-1].params != first


def test_a_study_without_limits_is_drawn_from_as_before():
    assert bounds_of(ALL, make_identity()) is None


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_layers_that_were_measured_to_be_too_slow_are_not_proposed_again(space, make_trials, name):
    identity = make_identity(labels=tuple("abcdefghij"), max_latency=0.005)
    configuration = {"conv_layers": 4, "l2": 0.01, "batch_norm": True, "dropout": None}
    plan = space.from_dict(configuration).plan(identity.image_shape, 10)
    measured = {"failure": "limit", "latency_seconds": 0.02, "config": configuration}
    costs = {"forward_macs": plan.forward_macs, "parameters": plan.parameters}
    past = Past()
    past.look(make_trials(("FAIL", None, measured | costs)))
    bounds = bounds_of(space, identity, past)
    proposed = []
    for draw in range(1, 31):
        study = optuna.create_study()
        study.sampler = make_sampler(
            name, SAMPLERS[name], seed=43, draw=draw, distributions=space.distributions, bounds=bounds
        )
        trial = study.ask()
        proposed.append(space.suggest(trial))
    assert {(each.conv_layers, each.batch_norm) for each in proposed} == {(3, True), (3, False), (4, False)}


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


@pytest.mark.parametrize(("name", "setting"), [("median", "n_warmup_steps"), ("halving", "min_resource")])
@pytest.mark.parametrize(("epochs", "first"), [(20, 10), (5, 2), (1, 0)])
def test_none_is_judged_in_the_first_half_of_a_schedule(name, setting, epochs, first):
    settings = pruner_settings(name, epochs=epochs, steps=422, scheduled=True)
    assert settings == PRUNERS[name] | {setting: max(PRUNERS[name][setting], first)}
    make_pruner(name, settings, epochs=epochs)


@pytest.mark.parametrize(("first_trials", "by_chance"), [(0, 10), (2, 2), (30, 10)])
def test_tpe_goes_on_from_networks_that_are_known_to_be_good(first_trials, by_chance):
    settings = sampler_settings("tpe", first_trials=first_trials)
    assert settings == SAMPLERS["tpe"] | {"n_startup_trials": by_chance}
    assert make_sampler("tpe", settings, seed=43, draw=1)._n_startup_trials == by_chance


def test_chance_stays_chance():
    assert sampler_settings("random", first_trials=2) == SAMPLERS["random"]
