"""A slip in an option is named, with the way out, before anything is made."""

import pytest

from search_spaces.backbones import BACKBONES

START = ("start", "--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--timeout", "1s")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--family", "isolatd"), ("'isolatd'", "isolated")),
        (("--sampler", "tpee"), ("'tpee'", "'tpe'", "random")),
        (("--pruner", "mediann"), ("'mediann'", "'median'", "hyperband")),
        (("--recipe", "reprot"), ("'reprot'", "'report'")),
        (("--precision", "float23"), ("'float23'", "'float32'", "mixed_bfloat16")),
        (("--trials", "0"), ("--trials", "1")),
        (("--trials", "many"), ("--trials", "integer")),
        (("--until", "2"), ("--until", "1")),
        (("--until", "-0.1"), ("--until",)),
        (("--timeout", "5x"), ("'5x'", "90s")),
        (("--timeout", "0s"), ("0s",)),
        (("--trial-timeout", "20"), ("'20'", "20m")),
        (("--epochs", "0"), ("--epochs", "1")),
        (("--batch-size", "0"), ("--batch-size", "1")),
        (("--slots", "0"), ("--slots", "1")),
        (("--seed", "-1"), ("--seed", "0")),
        (("--max-retries", "-1"), ("--max-retries",)),
        (("--study", "../escape"), ("'../escape'",)),
        (("--study", ""), ("name",)),
        (("--without", "pretrained"), ("isolated", "pretrained")),
        (("--family", "all", "--without", "pretraned"), ("'pretraned'", "pretrained")),
        (("--storage", "nonsense"), ("sqlite:///PATH", "postgresql")),
        (("--storage", "mysql://user:secret@host/x"), ("mysql", "sqlite:///PATH")),
        (("--storage", "sqlite://"), ("on disk",)),
        (("--storage", "postgresql+psycopg://user:secret@host"), ("names no database",)),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_an_option_that_makes_no_sense_is_a_usage_error(sweep, nothing_changes, options, said):
    with nothing_changes():
        outcome = sweep(*START, *options)
    assert outcome.code == 2, outcome.err
    assert all(part in outcome.err for part in said), outcome.err
    assert "Traceback" not in outcome.err
    assert "secret" not in outcome.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dataset", "digit"), ("'digit'", "'digits'")),
        (("--dataset", "missing.npz"), ("missing.npz", "--dataset")),
        (("--limit", "5"), ("--limit", "at least 10", "5")),
        (("--image-size", "8"), ("--image-size", "at least 28", "8")),
    ],
    ids=lambda value: " ".join(value) if value[0].startswith("--") else "",
)
def test_data_that_cannot_be_had_is_named(sweep, nothing_changes, options, said):
    with nothing_changes():
        outcome = sweep(*START, *options)
    assert outcome.code == 1
    assert all(part in outcome.err for part in said), outcome.err
    assert "Traceback" not in outcome.err


def test_a_study_needs_a_family(sweep, nothing_changes):
    with nothing_changes():
        outcome = sweep("start", "--dataset", "digits")
    assert outcome.code == 2
    assert "--family" in outcome.err


@pytest.mark.parametrize("family", ["pretrained", "all"])
def test_missing_weights_are_all_named_before_anything_is_made(sweep, workplace, nothing_changes, family):
    (workplace / "weights").mkdir()
    with nothing_changes():
        outcome = sweep(*START, "--family", family, "--weights", "weights")
    assert outcome.code == 1
    for backbone in BACKBONES.values():
        assert f"weights/{backbone.weights_file}" in outcome.err
        assert backbone.weights_md5 in outcome.err
    assert ("--without pretrained" in outcome.err) == (family == "all")


def test_a_weights_folder_that_is_none_is_said(sweep, nothing_changes):
    with nothing_changes():
        outcome = sweep(*START, "--family", "pretrained", "--weights", "imagnet")
    assert outcome.code == 1
    assert "imagnet is no folder" in outcome.err
    assert "'imagenet'" in outcome.err


def test_a_dry_run_makes_nothing(sweep, nothing_changes):
    with nothing_changes():
        outcome = sweep(*START, "--dry-run")
    assert outcome.code == 0
    assert "40 training" in outcome.err


def test_a_password_on_the_command_line_is_no_secret_and_is_told_so(sweep):
    url = "postgresql+psycopg://user:hush@127.0.0.1:1/sweep"
    told = sweep("status", "isolated", "--storage", url).err
    assert "can be read by every user of this host" in told
    assert "SWEEP_STORAGE" in told
    assert "hush" not in told


@pytest.mark.parametrize("url", ["postgresql+psycopg://user@127.0.0.1:1/sweep", None])
def test_a_password_that_stands_elsewhere_is_not_remarked_on(sweep, monkeypatch, url):
    monkeypatch.setenv("SWEEP_STORAGE", "postgresql+psycopg://user:hush@127.0.0.1:1/sweep")
    told = sweep("status", "isolated", *(("--storage", url) if url else ())).err
    assert "every user" not in told
    assert "hush" not in told
