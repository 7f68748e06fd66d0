"""Finished trials that are taken in one by one: the same as looking at all of them again."""

import random

import pytest
from optuna.trial import TrialState, create_trial

from sweep.counted import tally_of
from sweep.past import Past
from sweep.standing import MAX_REPEATS

ENDS = ["COMPLETE", "COMPLETE", "PRUNED", "FAIL"]


def numbered(number, state, **attributes):
    trial = create_trial(state=TrialState[state], value=attributes.pop("value", None), user_attrs=attributes)
    trial.number = number
    return trial


@pytest.fixture(params=range(20))
def history(request):
    """A study as claims see it, again and again: trials come, and finish in an order of their own."""
    chance = random.Random(request.param)
    trials, drawn = [], 0

    def end(number):
        attributes = dict(trials[number].user_attrs)
        state = chance.choice(ENDS)
        if state == "FAIL":
            attributes |= chance.choice([{}, *({"failure": kind} for kind in ("crash", "nan", "repeat", 7))])
        elif chance.random() < 0.4:
            attributes["reused_from"] = 0
        value = {"value": chance.choice([0.5, 0.7, float("inf")])} if state == "COMPLETE" else {}
        trials[number] = numbered(number, state, **attributes, **value)

    def looks():
        nonlocal drawn
        for _ in range(40):
            for _ in range(chance.randrange(4)):
                drawn += 1
                attributes = chance.choice([{"draw": drawn}, {"draw": drawn}, {"baseline": "isolated-1"}])
                attributes = attributes | {"config": {"units": chance.randrange(6)}} | chance.choice([{}, {"seed": 44}])
                trials.append(numbered(len(trials), chance.choice(["RUNNING", "WAITING"]), **attributes))
            under_way = [trial.number for trial in trials if not trial.state.is_finished()]
            for number in chance.sample(under_way, chance.randrange(len(under_way) + 1)):
                end(number)
            yield list(trials)

    return looks()


def test_the_tally_is_that_of_all_trials(history):
    past = Past()
    for trials in history:
        past.look(trials)
        assert past.tally() == tally_of(trials, proposals=MAX_REPEATS)
        assert past.drawn == max((trial.user_attrs.get("draw", 0) for trial in trials), default=0)


def test_the_first_trial_of_a_configuration_and_seed_is_found(history):
    past = Past()
    for trials in history:
        past.look(trials)
    for units in range(6):
        for seed in (43, 44):
            fitting = [
                trial.number
                for trial in trials
                if trial.user_attrs["config"] == {"units": units}
                and trial.user_attrs.get("seed", 43) == seed
                and (trial.state.name in ("COMPLETE", "PRUNED") or trial.user_attrs.get("failure") == "nan")
            ]
            found = past.trained({"units": units}, seed, of_study=43)
            assert (None if found is None else found.number) == min(fitting, default=None)
