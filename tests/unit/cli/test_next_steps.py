"""What a command says may be typed next, typed: it leads to the same study of the same store."""

import itertools
import json
import shlex

import numpy as np
import pytest
from optuna.trial import TrialState, create_trial

from search_spaces import BACKBONES
from storage import locate, open_store
from sweep.budget import Budget
from sweep.cli.options import Place
from sweep.cli.tables import next_steps
from sweep.identity import read_identity
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


@pytest.fixture
def offered_look(sweep, workplace):
    """The words of the quick look that `sweep start` offers on a machine that would take weeks."""
    cache = workplace / "a home" / "cache"
    cache.mkdir(parents=True)

    def offered(*arguments, family):
        (cache / "rates.json").write_text(json.dumps({f"{family}/auto{kind}": 1e6 for kind in ("", "/frozen")}))
        outcome = sweep("start", "--family", family, *arguments, "--dry-run")
        assert outcome.code == 0, outcome.err
        _, _, *words = words_after(outcome.err, "sweep start")
        return words

    return offered


def test_the_quick_look_that_is_offered_has_the_same_images_and_networks(sweep, workplace, offered_look, place):
    networks = ("--without", "pretrained", "--recipe", "tuned", "--max-macs", "200M")
    images = ("--dataset", "digits", "--image-size", "32", "--color")
    chosen = ("--experiment", "isolated-1", "--experiment", "isolated-2")
    words = offered_look(*networks, *images, *chosen, *place, family="all")
    assert sweep("create", *words).code == 0
    storage = "sqlite:///a store.db" if "--storage" in place else None
    with open_store(locate(storage, workplace / "a home")) as store:
        (study,) = (store.load(name) for name in store.study_names())
    identity = read_identity(study)
    assert identity.quick_look
    assert (identity.family, identity.without, identity.recipe) == ("all", ("pretrained",), "tuned")
    assert (identity.dataset, identity.image_shape, identity.max_macs) == ("digits", (32, 32, 3), 200_000_000)
    assert [trial.user_attrs["baseline"] for trial in study.trials] == ["isolated-1", "isolated-2"]


def test_a_quick_look_names_a_persons_own_images_and_weights(workplace, offered_look):
    labels = np.arange(2000) % 10
    np.savez(
        workplace / "my images.npz",
        **{f"x_{part}": np.zeros((2000, 28, 28), np.uint8) for part in ("train", "test")},
        **{f"y_{part}": labels for part in ("train", "test")},
    )
    (workplace / "my weights").mkdir()
    for backbone in BACKBONES.values():
        (workplace / "my weights" / backbone.weights_file).write_bytes(b"weights of my own")
    own = ("--dataset", "my images.npz", "--weights", "my weights")
    words = offered_look(*own, "--home", "a home", family="pretrained")
    given = dict(itertools.pairwise(words))
    assert (given["--dataset"], given["--weights"]) == ("my images.npz", "my weights")
    assert "--weights none" in " ".join(
        offered_look("--dataset", "digits", "--weights", "none", "--home", "a home", family="pretrained")
    )


def test_a_password_is_no_part_of_a_next_step(tmp_path):
    best = create_trial(state=TrialState.COMPLETE, value=0.9)
    url = "postgresql+psycopg://sweep:secret@db/sweep?password=secret"
    steps = "\n".join(next_steps(STUDY, standing([best], Budget(), {}), Place(storage=url), reported=True))
    assert "secret" not in steps
    assert "--storage 'postgresql+psycopg://sweep:***@db/sweep" in steps
