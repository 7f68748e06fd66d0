"""A study whose networks are all above a limit, with real trainers."""

import pytest

from search_spaces import find_space
from storage import locate, open_store

TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")
STUDY = "isolated-quick"
WITHIN = 9  # reported experiments with three convolutions
FOUR = {"conv_layers": 4, "l2": 0.001, "batch_norm": True, "dropout": 0.2}


@pytest.fixture
def enqueue_elsewhere(workplace):
    """Let a configuration wait as another tool does, which knows no limits."""

    def enqueue(configuration):
        space = find_space("isolated")
        with open_store(locate(None, workplace.home), write=True) as store:
            store.load(STUDY).enqueue_trial(space.to_params(space.from_dict(configuration)))

    return enqueue


def test_a_study_that_no_network_is_fast_enough_for_ends_without_a_training(workplace, enqueue_elsewhere):
    assert workplace.sweep("create", *TINY, "--max-macs", "150M", "--max-latency", "1us").returncode == 0
    enqueue_elsewhere(FOUR)
    ended = workplace.sweep("join", STUDY)
    assert ended.returncode == 0, ended.stderr
    said = " ".join(ended.stderr.split())
    assert "nothing new to offer with at most 150M multiply-accumulates, 1us for one image" in said
    trials = workplace.json("trials", STUDY)
    assert {trial["state"] for trial in trials} == {"FAIL"}
    assert {trial["user_attrs"]["failure"] for trial in trials} == {"limit", "repeat"}
    assert not any(trial["intermediate_values"] for trial in trials)  # nothing was trained
    measured = [trial["user_attrs"] for trial in trials if "latency_seconds" in trial["user_attrs"]]
    assert len(measured) == 2  # with batch norm and without
    assert all("--max-latency allows 0.001 ms" in each["failure_message"] for each in measured)
    elsewhere = trials[WITHIN]["user_attrs"]["failure_message"]
    assert elsewhere.endswith("multiply-accumulates, and --max-macs allows 150,000,000")
    status = workplace.json("status", STUDY)
    assert (status["complete"], status["ended"]) == (0, "exhausted")
