"""What a command says may be typed next, typed: it leads to the same study of the same store."""

import shlex

import pytest
from optuna.trial import TrialState, create_trial

from storage import locate, open_store
from sweep.budget import Budget
from sweep.cli.options import Place
from sweep.cli.tables import next_steps
from sweep.standing import standing
from tests.unit.cli.conftest import TINY, complete_one

STUDY = "my study"
ELSEWHERE = {"home": ("--home", "a home"), "store": ("--home", "a home", "--storage", "sqlite:///a store.db")}


def words_after(text, beginning):
    """The words of the printed command that begins so, without the explanation behind it."""
    (line,) = [line for line in text.splitlines() if beginning in line]
    return shlex.split(line[line.index(beginning) :].partition("  ")[0])


@pytest.fixture(params=ELSEWHERE)
def place(request, workplace):
    return ELSEWHERE[request.param]


def test_the_hint_of_create_leads_to_the_study_it_made(sweep, place):
    created = sweep("create", *TINY, "--study", STUDY, *place)
    assert created.code == 0, created.err
    _, _, *study_and_place = words_after(created.err, "sweep join")
    assert study_and_place[0] == STUDY
    assert sweep("status", *study_and_place).code == 0


def test_the_steps_after_a_run_lead_to_its_study(sweep, workplace, place):
    sweep("create", *TINY, "--study", STUDY, "--experiment", "isolated-1", "--trials", "1", *place)
    storage = "sqlite:///a store.db" if "--storage" in place else None
    with open_store(locate(storage, workplace / "a home"), write=True) as store:
        complete_one(store.load(STUDY))
    run = sweep("join", STUDY, *place)
    assert run.code == 0, run.err
    for step in ("sweep show", "sweep baselines", "sweep report"):
        _, *words = words_after(run.err, step)
        again = sweep(*words)
        assert again.code == 0, again.err
    for step in ("sweep confirm", "sweep export"):
        assert STUDY in words_after(run.err, step)
    assert words_after(run.err, "sweep dashboard")[2:4] == list(place[:2])


def test_a_password_is_no_part_of_a_next_step(tmp_path):
    best = create_trial(state=TrialState.COMPLETE, value=0.9)
    url = "postgresql+psycopg://sweep:secret@db/sweep?password=secret"
    steps = "\n".join(next_steps(STUDY, standing([best], Budget(), {}), Place(storage=url), reported=True))
    assert "secret" not in steps
    assert "--storage 'postgresql+psycopg://sweep:***@db/sweep" in steps
