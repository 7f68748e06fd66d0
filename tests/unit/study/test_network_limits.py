"""Limits of networks as people write them, and what is above them."""

import pytest

from search_spaces import find_space
from sweep.errors import UsageError
from sweep.identity import Identity
from sweep.limits import (
    NetworkLimits,
    format_count,
    format_latency,
    parse_latency,
    parse_macs,
    parse_parameters,
    too_slow,
)
from tests.identities import make_identity


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("50M", 50_000_000),
        ("1.5M", 1_500_000),
        ("1.5 m", 1_500_000),
        ("800k", 800_000),
        ("800K", 800_000),
        ("2G", 2_000_000_000),
        ("118580736", 118_580_736),
        (50_000_000, 50_000_000),  # from a settings file
        ("0.3M", 300_000),  # 0.3 * 10**6 is no whole number in floats
    ],
)
def test_a_count_is_read_with_its_unit(text, count):
    assert parse_macs(text) == parse_parameters(text) == count


@pytest.mark.parametrize("text", ["", "0", "0M", "-5M", "0.2", "many", "50MB", "5ms", "1e6", "nan", "inf", "M", "٣"])
@pytest.mark.parametrize(("parse", "option"), [(parse_macs, "--max-macs"), (parse_parameters, "--max-parameters")])
def test_what_is_no_count_above_zero_is_refused_by_the_option_s_name(parse, option, text):
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert all(part in str(refused.value) for part in (option, "50M", f"Received: {text}"))


@pytest.mark.parametrize(
    ("text", "seconds"), [("5ms", 0.005), ("0.5 ms", 0.0005), ("800us", 0.0008), ("2s", 2.0), ("0.01S", 0.01)]
)
def test_a_latency_is_read_with_its_unit(text, seconds):
    assert parse_latency(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0ms", "-5ms", "5", "5m", "fast", "5msec", "nanms", "1e-3s", "50M"])
def test_what_is_no_latency_above_zero_is_refused(text):
    with pytest.raises(UsageError) as refused:
        parse_latency(text)
    assert all(part in str(refused.value) for part in ("--max-latency", "5ms", f"Received: {text}"))


@pytest.mark.parametrize("count", [1, 999, 1000, 1500, 50_000_000, 1_500_000, 118_580_736, 2 * 10**9, 100 * 10**9])
def test_a_count_is_written_as_it_can_be_read_again(count):
    assert parse_macs(format_count(count)) == count


def test_a_round_count_is_written_in_short():
    assert [format_count(each) for each in (50_000_000, 1_500_000, 800_000, 12)] == ["50M", "1.5M", "800k", "12"]


@pytest.mark.parametrize("text", ["5ms", "800us", "0.5us", "2s", "1.25s", "12.5ms", "100s"])
def test_a_latency_is_written_as_it_was_read(text):
    assert format_latency(parse_latency(text)) == text


@pytest.fixture
def plan():
    """118,580,736 multiply-accumulates and 3,549,834 parameters."""
    configuration = {"conv_layers": 3, "l2": None, "batch_norm": False, "dropout": None}
    return find_space("isolated").from_dict(configuration).plan((28, 28, 1), 10)


def test_exactly_the_limit_is_not_above_it(plan):
    assert NetworkLimits(macs=plan.forward_macs, parameters=plan.parameters).excess(plan) is None
    assert NetworkLimits().excess(plan) is None


def test_what_is_above_a_limit_is_said_with_both_numbers(plan):
    said = NetworkLimits(macs=plan.forward_macs - 1, parameters=1_000_000).excess(plan)
    assert all(
        part in said
        for part in ("118,580,736", "--max-macs allows 118,580,735", "3,549,834", "--max-parameters allows 1,000,000")
    )
    assert "--max-parameters" not in NetworkLimits(macs=5, parameters=10**9).excess(plan)


def test_too_slow_is_said_with_both_numbers():
    assert too_slow(0.0123456, 0.005) == "12.3 ms for one image, and --max-latency allows 5 ms"


def test_limits_are_said_in_words_and_as_options():
    limits = NetworkLimits.of(make_identity(max_macs=50_000_000, max_parameters=1_500_000, max_latency=0.005))
    assert limits.in_words() == "at most 50M multiply-accumulates, 1.5M parameters, 5ms for one image"
    assert limits.options() == {"max-macs": "50M", "max-parameters": "1.5M", "max-latency": "5ms"}
    assert limits.any


def test_a_study_without_limits_says_nothing_of_them():
    limits = NetworkLimits.of(make_identity())
    assert (limits.any, limits.in_words(), limits.options()) == (False, "", {})


def test_a_study_that_is_older_than_the_limits_has_none():
    stored = make_identity().to_dict()
    for name in ("max_macs", "max_parameters", "max_latency"):
        del stored[name]
    assert Identity.from_dict(stored) == make_identity()
