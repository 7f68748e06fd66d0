"""Which trials are confirmed, with which seeds, and what waits for that."""

import pytest
from optuna.trial import TrialState

from storage import UnknownStudyError
from storage.engines import without_optuna_warnings
from sweep.budget import read_budget
from sweep.confirming.pairs import (
    Pair,
    choose_finalists,
    confirming_name,
    create_or_extend,
    find_confirming,
    missing_pairs,
    pairs_of,
)
from sweep.errors import UsageError
from sweep.identity import read_identity
from sweep.standing import CONFIRMS, End, standing_of


@pytest.fixture
def chosen(study):
    """Numbers of the finalists."""

    def numbers(*, top=1, baselines=False):
        return [trial.number for trial in choose_finalists(study, top=top, baselines=baselines)]

    return numbers


@pytest.fixture
def wanted(study, make_identity):
    """What is wanted of the best trials."""

    def pairs(*, top=1, seeds=2, of=None, seed=43):
        finalists = choose_finalists(of or study, top=top, baselines=False)
        return pairs_of(finalists, make_identity(seed=seed), seeds=seeds)

    return pairs


@pytest.fixture
def extend(store, space, stored_study, wanted, make_identity):
    """Let what is missing wait in the confirming study; returns it, and finalists and seeds that were enqueued."""

    def enqueue(**options):
        pairs = wanted(of=stored_study, **options)
        study, added = create_or_extend(store, stored_study.study_name, space, make_identity(), pairs)
        return study, named(added)

    return enqueue


def named(pairs):
    return [(pair.finalist.number, pair.seed) for pair in pairs]


def ask(study):
    """Take what waits first, as a worker does."""
    with without_optuna_warnings():
        return study.ask()


def waiting(study):
    return study.get_trials(states=(TrialState.WAITING,))


# Finalists


def test_the_best_by_validation_and_the_best_reported_experiment_are_finalists(study, add_trained, chosen):
    for value, attributes in ((0.5, {"baseline": "isolated-1"}), (0.7, {}), (0.6, {"baseline": "isolated-2"})):
        add_trained(study, value, **attributes)
    add_trained(study, 0.9)
    assert chosen() == [3, 2]
    assert chosen(top=2) == [3, 1, 2]


def test_a_reported_experiment_among_the_best_is_a_finalist_once(study, add_trained, chosen):
    add_trained(study, 0.9, baseline="isolated-1")
    add_trained(study, 0.7)
    assert chosen() == [0]
    assert chosen(top=2) == [0, 1]
    assert chosen(top=9) == [0, 1]


def test_a_study_without_reported_experiments_has_its_best_for_finalists(study, add_trained, chosen):
    add_trained(study, 0.7)
    assert chosen() == [0]


def test_test_images_choose_nobody(study, add_trained, chosen):
    add_trained(study, 0.9, baseline="isolated-1", test_accuracy=0.1)
    add_trained(study, 0.8, baseline="isolated-2", test_accuracy=0.99)
    assert chosen() == [0]


def test_of_equal_trials_the_first_is_the_finalist(study, add_trained, chosen):
    for _ in range(3):
        add_trained(study, 0.9)
    assert chosen(top=2) == [0, 1]


def test_what_was_not_trained_to_its_end_is_no_finalist(study, add_trained, chosen):
    add_trained(study, 0.5)
    add_trained(study, 0.9, reused_from=0)
    add_trained(study, 0.95, state="PRUNED")
    add_trained(study, None, state="FAIL", baseline="isolated-1")
    study.enqueue_trial({}, user_attrs={"baseline": "isolated-2"})
    study.tell(study.ask({}), 0.99)  # another tool's: nobody knows its configuration
    assert chosen(top=9) == [0]


def test_all_reported_experiments_are_confirmed_on_demand_the_best_first(study, add_trained, chosen):
    for value, name in ((0.5, "isolated-1"), (0.7, "isolated-2"), (0.6, "isolated-1")):
        add_trained(study, value, baseline=name)
    add_trained(study, 0.9)
    assert chosen(baselines=True) == [1, 2]


def test_a_study_without_a_complete_trial_is_refused(study, add_trained, chosen):
    study.enqueue_trial({})
    add_trained(study, 0.9, state="PRUNED")
    with pytest.raises(UsageError, match="'isolated' has no complete trial yet"):
        chosen()


def test_reported_experiments_are_asked_for_in_vain_where_none_is_complete(study, add_trained, chosen):
    add_trained(study, 0.9)
    with pytest.raises(UsageError, match="'isolated' has no complete reported experiment"):
        chosen(baselines=True)


def test_a_confirming_study_is_not_confirmed_in_turn(study, add_trained, chosen):
    add_trained(study, 0.9)
    study.set_user_attr(CONFIRMS, "original")
    with pytest.raises(UsageError, match="Run: sweep confirm original"):
        chosen()


# Pairs


def test_every_finalist_has_every_seed_from_the_study_s_own_on(study, add_trained, wanted):
    for value in (0.5, 0.7):
        add_trained(study, value)
    assert named(wanted(top=2, seeds=3)) == [(1, 43), (1, 44), (1, 45), (0, 43), (0, 44), (0, 45)]
    assert named(wanted(seeds=1, seed=7)) == [(1, 7)]


def test_nothing_is_known_of_a_study_that_is_not_there(study, add_trained, wanted):
    add_trained(study, 0.5)
    assert missing_pairs(None, wanted()) == wanted()


@pytest.mark.parametrize("state", ["COMPLETE", "RUNNING", "WAITING"])
def test_what_is_there_or_is_to_come_is_not_missing(study, add_trained, wanted, add_confirmation, state):
    add_trained(study, 0.5)
    pairs = wanted(seeds=3)
    add_confirmation(study, 0, 44, state=state)
    assert named(missing_pairs(study, pairs)) == [(0, 43), (0, 45)]


def test_what_failed_is_missing_unless_it_waits_again(study, add_trained, wanted, add_confirmation):
    add_trained(study, 0.5)
    pairs = wanted()
    add_confirmation(study, 0, 43, state="FAIL")
    assert named(missing_pairs(study, pairs)) == [(0, 43), (0, 44)]
    add_confirmation(study, 0, 43, state="WAITING", retry_of=1)
    assert named(missing_pairs(study, pairs)) == [(0, 44)]


def test_another_finalist_s_seed_is_not_this_one_s(study, add_trained, wanted, add_confirmation):
    for value in (0.5, 0.7):
        add_trained(study, value)
    pairs = wanted()
    add_confirmation(study, 0, 43)
    assert missing_pairs(study, pairs) == pairs == [Pair(finalist=pairs[0].finalist, seed=seed) for seed in (43, 44)]


# The confirming study


def test_a_study_and_its_queue_are_made(extend, stored_study, add_trained, space, make_identity):
    add_trained(stored_study, 0.5, of=3, baseline="isolated-4")
    study, added = extend(seeds=2)
    assert study.study_name == confirming_name("isolated") == "isolated-confirm"
    assert study.user_attrs[CONFIRMS] == "isolated"
    assert read_identity(study) == make_identity()
    assert added == [(0, 43), (0, 44)]
    assert read_budget(study).trials == 2
    for trial, seed in zip(waiting(study), (43, 44), strict=True):
        of_trial = trial.user_attrs
        assert (of_trial["confirms"], of_trial["seed"], of_trial["baseline"]) == (0, seed, "isolated-4")
        assert trial.system_attrs["fixed_params"] == space.to_params(space.from_dict(space.reported[3].configuration))


def test_the_study_s_own_seed_takes_over_what_was_trained(extend, stored_study, add_trained):
    add_trained(stored_study, 0.4)
    add_trained(stored_study, 0.5)
    study, _ = extend()
    own, other = waiting(study)
    source = stored_study.get_trials()[1]
    assert own.user_attrs["takes_over"]["trial"] == 1
    for name in ("history", "best_epoch", "train_seconds", "images_per_second", "dtype_policy"):
        assert own.user_attrs["takes_over"][name] == source.user_attrs[name]
    assert "takes_over" not in other.user_attrs
    assert "baseline" not in own.user_attrs


def test_a_trial_without_its_epochs_is_trained_again_with_its_own_seed(extend, stored_study, add_trained):
    add_trained(stored_study, 0.5, history={"epoch": [1], "loss": [0.3]})
    study, added = extend()
    assert added[0] == (0, 43)
    assert not any("takes_over" in trial.user_attrs for trial in waiting(study))


def test_the_same_again_adds_nothing_and_more_seeds_add_themselves(extend, stored_study, add_trained):
    add_trained(stored_study, 0.5)
    extend(seeds=2)
    assert extend(seeds=2)[1] == []
    assert extend(seeds=1)[1] == []
    study, added = extend(seeds=4)
    assert added == [(0, 45), (0, 46)]
    assert [trial.user_attrs["seed"] for trial in waiting(study)] == [43, 44, 45, 46]
    assert read_budget(study).trials == 4


def test_a_new_finalist_joins_the_old_one(extend, stored_study, add_trained):
    add_trained(stored_study, 0.5)
    extend()
    add_trained(stored_study, 0.6)
    study, added = extend()
    assert added == [(1, 43), (1, 44)]
    assert read_budget(study).trials == 4


def test_what_failed_waits_again_and_the_budget_has_room_for_it(extend, stored_study, add_trained):
    add_trained(stored_study, 0.5)
    study, _ = extend()
    study.tell(ask(study), state=TrialState.FAIL)
    study.tell(ask(study), 0.6)
    assert standing_of(study).ended is End.EXHAUSTED
    study, added = extend()
    assert added == [(0, 43)]
    assert standing_of(study).ended is None
    study.tell(ask(study), 0.7)
    assert standing_of(study).ended is End.TRIALS


def test_a_creation_that_was_cut_short_is_completed(store, extend, stored_study, add_trained, add_confirmation):
    add_trained(stored_study, 0.5)
    study = store.create("isolated-confirm", metric="validation accuracy")
    assert find_confirming(store, "isolated").study_name == "isolated-confirm"
    study.set_user_attr(CONFIRMS, "isolated")
    add_confirmation(study, 0, 43, state="WAITING")
    assert extend()[1] == [(0, 44)]
    assert read_identity(store.load("isolated-confirm")) is not None


def test_without_a_confirming_study_there_is_none(store, stored_study):
    assert find_confirming(store, "isolated") is None
    with pytest.raises(UnknownStudyError):
        store.load("isolated-confirm")


@pytest.mark.parametrize("confirms", [None, "grouped"])
def test_a_study_of_that_name_that_is_somebody_else_s_is_left_alone(store, extend, stored_study, add_trained, confirms):
    add_trained(stored_study, 0.5)
    foreign = store.create("isolated-confirm", metric="accuracy")
    if confirms is None:
        foreign.enqueue_trial({"x": 1})
    else:
        foreign.set_user_attr(CONFIRMS, confirms)
    before = (foreign.get_trials(), dict(foreign.user_attrs))
    with pytest.raises(UsageError, match=r"was not made by `sweep confirm isolated`\. Rename or delete"):
        extend()
    assert (foreign.get_trials(), store.load("isolated-confirm").user_attrs) == before


def test_a_study_that_was_begun_anew_on_other_terms_does_not_mix_with_the_old(
    store, space, stored_study, wanted, extend, add_trained, make_identity
):
    add_trained(stored_study, 0.5)
    extend()
    pairs = wanted(of=stored_study, seeds=3)
    with pytest.raises(UsageError, match="epochs"):
        create_or_extend(store, "isolated", space, make_identity(epochs=9), pairs)
    assert len(store.load("isolated-confirm").get_trials()) == 2
