"""--max-macs, --max-parameters and --max-latency: what is refused, what is left out, what is said."""

import json

import pytest

TINY = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")
STUDY = "isolated-quick"
FOUR = ("conv_layers=4", "l2=0.02", "batch_norm=true", "dropout=off")  # 159,671,808 multiply-accumulates
THREE = ("conv_layers=3", *FOUR[1:])


@pytest.fixture
def limited(sweep, workplace):
    """A study whose networks have at most 150 million multiply-accumulates: those with three convolutions."""
    outcome = sweep("create", *TINY, "--max-macs", "150M", "--max-latency", "2s")
    assert outcome.code == 0, outcome.err
    return outcome


def trials_of(sweep):
    return json.loads(sweep("trials", STUDY, "--json").out)


@pytest.mark.parametrize("command", ["start", "create"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--max-macs", "0"),
        ("--max-macs", "-50M"),
        ("--max-macs", "lots"),
        ("--max-macs", "50MB"),
        ("--max-parameters", "0M"),
        ("--max-parameters", "-1"),
        ("--max-parameters", "nan"),
        ("--max-latency", "5"),
        ("--max-latency", "0ms"),
        ("--max-latency", "-5ms"),
        ("--max-latency", "quick"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(sweep, workplace, command, option, value):
    outcome = sweep(command, *TINY, option, value)
    assert outcome.code == 2
    assert all(part in outcome.err for part in (option, "above zero", value)), outcome.err
    assert "Traceback" not in outcome.err
    assert not (workplace / "sweep-data" / "sweep.db").exists()


@pytest.mark.parametrize("command", ["start", "create"])
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (("--max-macs", "50M"), ("--max-macs allows 50,000,000", "has 118,580,736", "conv_layers=3")),
        (("--max-parameters", "1.5M"), ("--max-parameters allows 1,500,000", "has 3,549,834", "conv_layers=3")),
    ],
)
def test_a_limit_that_no_network_meets_is_refused_at_once(sweep, workplace, command, limit, said):
    outcome = sweep(command, *TINY, *limit)
    assert outcome.code == 2
    assert all(part in " ".join(outcome.err.split()) for part in said), outcome.err
    assert not (workplace / "sweep-data" / "sweep.db").exists()


def test_reported_experiments_above_a_limit_are_left_out_and_named(sweep, limited):
    assert "not trained: isolated-10 (1 of 10)" in " ".join(limited.err.split())
    assert [trial["baseline"] for trial in trials_of(sweep)] == [f"isolated-{number}" for number in range(1, 10)]


def test_a_study_that_is_taken_up_again_leaves_them_out_again(sweep, limited):
    assert sweep("create", *TINY, "--trials", "12").code == 0
    assert len(trials_of(sweep)) == 9


def test_a_study_without_limits_has_all_of_them_and_says_nothing(sweep, workplace):
    outcome = sweep("create", *TINY)
    assert "etworks" not in outcome.err
    assert "networks" not in sweep("status", STUDY).out
    assert len(trials_of(sweep)) == 10


def test_a_configuration_above_a_limit_is_not_enqueued(sweep, limited, nothing_changes):
    with nothing_changes():
        outcome = sweep("enqueue", STUDY, *FOUR)
    assert outcome.code == 2
    assert all(part in outcome.err for part in ("159,671,808", "--max-macs allows 150,000,000", STUDY)), outcome.err
    assert len(trials_of(sweep)) == 9


def test_a_configuration_within_the_limits_waits(sweep, limited):
    assert sweep("enqueue", STUDY, *THREE).code == 0
    assert trials_of(sweep)[-1]["state"] == "WAITING"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-macs", "140M"), ("max_macs", "150000000", "140000000")),
        (("--max-parameters", "9M"), ("max_parameters", "null", "9000000")),
        (("--max-latency", "1s"), ("max_latency", "2.0", "1.0")),
        (("--max-macs", "1"), ("max_macs", "150000000", "1")),  # what is stored comes first
    ],
)
def test_a_study_is_not_resumed_with_another_limit(sweep, limited, nothing_changes, options, said):
    with nothing_changes():
        outcome = sweep("create", *TINY, *options)
    assert outcome.code == 2
    assert all(part in outcome.err for part in (*said, "--study")), outcome.err


@pytest.mark.parametrize("options", [(), ("--max-macs", "150000k"), ("--max-latency", "2000ms")])
def test_a_study_is_resumed_with_the_same_limits_or_without_a_word_of_them(sweep, limited, options):
    assert sweep("create", *TINY, *options).code == 0


def test_a_study_without_limits_does_not_get_any_later(sweep, created):
    outcome = sweep("create", *TINY, "--max-macs", "150M")
    assert outcome.code == 2
    assert "max_macs: stored null, asked for 150000000" in outcome.err


def test_status_says_the_limits(sweep, limited):
    assert "networks  at most 150M multiply-accumulates, 2s for one image" in sweep("status", STUDY).out
    identity = json.loads(sweep("status", STUDY, "--json").out)["identity"]
    assert (identity["max_macs"], identity["max_parameters"], identity["max_latency"]) == (150_000_000, None, 2.0)


def test_limits_come_from_the_environment_too(sweep, workplace, monkeypatch):
    monkeypatch.setenv("SWEEP_MAX_MACS", "50M")
    assert "50,000,000" in sweep("create", *TINY).err


def test_limits_come_from_the_settings_file_too(sweep, workplace):
    (workplace / "sweep.toml").write_text('max_macs = 50000000\nmax_latency = "5ms"\n')
    assert "50,000,000" in sweep("create", *TINY).err
    (workplace / "sweep.toml").write_text("max_latency = 5\n")
    outcome = sweep("create", *TINY)
    assert (outcome.code, "--max-latency" in outcome.err) == (2, True)


def test_a_dry_run_says_what_would_be_left_out(sweep, workplace):
    outcome = sweep("start", *TINY, "--max-macs", "150M", "--dry-run")
    assert outcome.code == 0
    assert "isolated-10" in outcome.err
    assert not (workplace / "sweep-data" / "sweep.db").exists()


def test_the_report_says_the_limits_and_how_to_give_them_again(sweep, limited, workplace):
    assert sweep("report", STUDY, "--out", "page.md").code == 0
    page = (workplace / "page.md").read_text()
    assert "at most 150M multiply-accumulates, 2s for one image" in page
    assert "--max-macs 150M --max-latency 2s" in page
