"""`sweep confirm` killed, interrupted and failing: every finalist has every seed once, and no sampler draws."""

import shutil
import signal
from collections import Counter

import pytest

pytestmark = pytest.mark.long

CONFIRMING = "isolated-quick-confirm"
SEEDS = 6


@pytest.fixture
def confirm(study):
    """The command; two finalists, unless the best trial is a reported experiment."""
    return lambda *options, seeds=SEEDS: ("confirm", study, "--top", 2, "--seeds", seeds, "--slots", 1, *options)


@pytest.fixture(scope="module")
def original(new_lasting_place, terms):
    """A study of five trials, to be copied."""
    place = new_lasting_place("original")
    place.run("start", *terms, "--trials", 5, "--epochs", 3)
    return place


@pytest.fixture
def trained(place, original):
    """The study of five trials in a home of the test's own."""
    shutil.copytree(original.home, place.home)
    return place


@pytest.fixture
def assert_confirmed():
    """Checks that each of the finalists has each of the seeds exactly once, and that nothing else was trained."""

    def check(trials, seeds=SEEDS, finalists=2):
        assert {trial["state"] for trial in trials} <= {"COMPLETE", "FAIL"}
        pairs = Counter(of_pair(trial) for trial in trials if trial["state"] == "COMPLETE")
        assert set(pairs.values()) == {1}
        assert {seed for _, seed in pairs} == set(range(43, 43 + seeds))
        assert len(pairs) == seeds * finalists
        assert all("confirms" in trial["user_attrs"] and "draw" not in trial["user_attrs"] for trial in trials)

    return check


def of_pair(trial):
    return trial["user_attrs"]["confirms"], trial["user_attrs"]["seed"]


@pytest.mark.timeout(600)
def test_killed_again_and_again_it_confirms_every_pair_once(trained, confirm, chance, assert_confirmed):
    trained.script(epoch_seconds=0.05)
    for turn in range(6):
        command = trained.start(*confirm())
        if turn % 3:  # while it trains; else anywhere, from its first import on
            command.await_line("started")
        command.ended_within(chance.uniform(0.0, 0.6) if turn % 3 else chance.uniform(0.3, 4.0))
        command.kill()
        assert trained.trainers_are_gone()
    before = trained.trials(CONFIRMING)
    assert sum(trial["state"] == "COMPLETE" for trial in before) < 2 * SEEDS, "nothing was left to repair"
    trained.run(*confirm())
    trials = trained.trials(CONFIRMING)
    assert_confirmed(trials)
    assert {trial["user_attrs"]["failure"] for trial in trials if trial["state"] == "FAIL"} <= {"interrupted"}
    assert trained.checkpoints(CONFIRMING) == []
    assert len(trained.trials()) == 10, "the confirmed study changed"


def test_ctrl_c_leaves_with_130_and_the_same_command_goes_on(trained, confirm, assert_confirmed):
    trained.script(trials={"1": "slow"}, epochs=100)
    command = trained.start(*confirm())
    command.await_line("trial 1  epoch 1")
    command.signal_group(signal.SIGINT)
    assert command.wait() == 130
    trials = trained.trials(CONFIRMING)
    assert [trial["state"] for trial in trials][:2] == ["COMPLETE", "FAIL"]
    assert sum(trial["state"] == "WAITING" for trial in trials) == 2 * SEEDS - 1
    trained.script()
    trained.run(*confirm())
    assert_confirmed(trained.trials(CONFIRMING))


def test_two_at_once_and_one_who_joins_share_the_pairs(trained, confirm, assert_confirmed):
    trained.script(epoch_seconds=0.05)
    workers = [trained.start(*confirm())]
    workers[0].await_line("started")
    workers += [trained.start(*confirm()), trained.start("join", CONFIRMING, "--slots", 1)]
    assert [worker.wait() for worker in workers] == [0, 0, 0], [worker.text() for worker in workers]
    assert_confirmed(trained.trials(CONFIRMING))


def test_nothing_is_drawn_after_a_failure_whoever_works_on_the_study(trained, confirm, terms, assert_confirmed):
    trained.script(trials={"0": "crash at once", "1": "nan"}, default="train")
    trained.run(*confirm(), code=1)
    trained.run("join", CONFIRMING)
    trained.run("start", "--study", CONFIRMING, *terms, "--epochs", 3, "--trials", 50)
    trials = trained.trials(CONFIRMING)
    assert all("draw" not in trial["user_attrs"] for trial in trials)
    assert len({of_pair(trial) for trial in trials}) == 2 * SEEDS
    assert {of_pair(trial) for trial in trials if trial["state"] == "COMPLETE"} < {of_pair(trial) for trial in trials}


@pytest.mark.parametrize("failure", ["crash at once", "nan"])
def test_a_pair_that_failed_for_good_is_tried_again_by_the_next_call(trained, confirm, assert_confirmed, failure):
    trained.script(default=failure)
    text = trained.run(*confirm(seeds=1), code=1)
    assert "the same command tries again" in text
    assert {trial["state"] for trial in trained.trials(CONFIRMING)} == {"FAIL"}
    trained.script()
    trained.run(*confirm(seeds=1))
    assert_confirmed(trained.trials(CONFIRMING), seeds=1)


def test_a_finalist_that_no_seed_could_train_is_told_and_another_one_is_no_full_model(trained, confirm):
    trained.run(*confirm(seeds=1))
    best = of_pair(trained.trials(CONFIRMING)[0])[0]
    trained.run("delete", CONFIRMING, "--yes")
    trained.script(trials={"0": "nan"})
    text = trained.run(*confirm("--full", seeds=1), code=1)
    assert of_pair(trained.trials(CONFIRMING)[0])[0] == best
    assert "Not all could be trained" in text
    assert "training and validation images together" not in text


def test_confirmations_are_not_pruned(trained, study, terms, confirm, assert_confirmed):
    trained.script(epochs=30)
    trained.run(*confirm(seeds=8))
    assert_confirmed(trained.trials(CONFIRMING), seeds=8)


@pytest.mark.timeout(600)
def test_a_full_training_goes_on_from_its_checkpoint_and_gc_keeps_that(place, study):
    real = {"TRAINER_MODULE": "faulty_fits"}  # it writes a checkpoint after every epoch
    # Images that can be learned: the full training has as many epochs as the best one had before it.
    small = ("--family", "isolated", "--dataset", "digits", "--limit", 40, "--batch-size", 32)
    assert place.start("start", *small, "--trials", 1, "--epochs", 6, **real).wait() == 0
    command = ("confirm", study, "--seeds", 1, "--full", "--precision", "float32")
    for number, code in ((signal.SIGINT, 130), (signal.SIGKILL, -9)):
        running = place.start(*command, **real)
        running.await_line("full  epoch")
        running.signal_group(number)
        assert running.wait() == code
        assert place.trainers_are_gone()
        place.run("gc")
        assert any(name.startswith("full") for name in place.checkpoints(CONFIRMING))
    ended = place.start(*command, **real)
    assert ended.wait() == 0, ended.text()
    assert "full  goes on after epoch" in ended.text()
    assert place.checkpoints(CONFIRMING) == []
