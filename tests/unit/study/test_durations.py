import pytest

from sweep.duration import format_ahead, format_duration, parse_duration
from sweep.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("2h", 7200), ("1h30m", 5400), ("1.5h", 5400), ("1d", 86400)]
)
def test_durations_are_read_as_people_write_them(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "90", "h", "2 h", "2hours", "-5m", "1h30", "five minutes", "2H", "1.h"])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(UsageError, match=r"is not a duration.*such as 90s, 20m, 2h or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0h0m", "0.0d"])
def test_a_duration_is_longer_than_zero(text):
    with pytest.raises(UsageError, match="longer than zero"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (45.4, "45 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (600, "10 min"),
        (1234, "20 min"),
        (3599.7, "1 h"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
        (86400, "1 d"),
        (4 * 86400 + 3 * 3600, "4 d 3 h"),
    ],
)
def test_durations_are_told_in_two_units(seconds, text):
    assert format_duration(seconds) == text


def test_a_full_unit_is_told_as_the_next_one():
    for seconds in (*range(4000), *range(86000, 90000), *range(2 * 86400 - 4000, 2 * 86400)):
        assert not {"60 s", "60 min", "24 h"} & {format_duration(seconds), *format_duration(seconds).split(" ", 2)[2:]}
    assert format_duration(86399) == "1 d"


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (None, "it takes at most 2 h"),
        (9000, "it takes at most 2 h"),
        (3600, "it takes at most 2 h, and this run ends after 1 h"),
    ],
)
def test_what_is_ahead_is_told_with_the_end_of_a_run_that_does_not_get_so_far(left, text):
    assert format_ahead(7200, left) == text
