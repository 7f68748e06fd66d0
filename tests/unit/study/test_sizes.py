"""Sizes as people write and read them."""

import pytest

from sweep.errors import UsageError
from sweep.sizes import format_bytes, parse_size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_950, "1.0 MB"),
        (12_345_678, "12.3 MB"),
        (2 * 10**12, "2.0 TB"),
    ],
)
def test_bytes_are_told_in_decimal_units(count, text):
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("20GB", 20 * 10**9),
        ("500MB", 500 * 10**6),
        ("500 mb", 500 * 10**6),
        ("1.1kB", 1100),
        ("2TB", 2 * 10**12),
        ("12 B", 12),
        (" 1234567 ", 1_234_567),
        ("0", 0),
    ],
)
def test_a_size_is_read_as_bytes(text, count):
    assert parse_size(text) == count


@pytest.mark.parametrize("count", [0, 999, 1500, 12_300_000, 20 * 10**9, 2 * 10**12])
def test_what_is_told_can_be_read(count):
    assert parse_size(format_bytes(count)) == count


@pytest.mark.parametrize(
    "text", ["", "GB", "-5", "-5GB", "5x", "5GiB", "1e9", "1,5GB", "nan", "inf", "\u0665GB", "5 G B"]
)
def test_what_is_no_size_is_refused_with_the_formats(text):
    with pytest.raises(UsageError, match=r"plain bytes.* 500MB or 20GB") as refused:
        parse_size(text)
    assert repr(text) in str(refused.value)
