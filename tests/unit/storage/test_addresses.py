"""URLs of places: what is taken, and what is refused without repeating what may be secret."""

import pytest

from storage import LocationError
from storage.address import Address, parse_address


@pytest.mark.parametrize(
    ("url", "bucket", "prefix"),
    [
        ("s3://sweeps", "sweeps", ""),
        ("s3://sweeps/", "sweeps", ""),
        ("s3://sweeps/team/a", "sweeps", "team/a"),
        ("s3://sweeps/team/a//", "sweeps", "team/a"),
        ("S3://sweeps.example.org/day=1/a b+c", "sweeps.example.org", "day=1/a b+c"),
    ],
)
def test_a_bucket_and_a_prefix_are_read(url, bucket, prefix):
    assert parse_address(url) == Address(bucket=bucket, prefix=prefix)


def test_an_address_is_written_as_it_is_read():
    for url in ("s3://sweeps", "s3://sweeps/team/a"):
        assert str(parse_address(url)) == url


def test_what_lies_below_an_address_leads_back_to_it():
    for url in ("s3://sweeps", "s3://sweeps/team"):
        address = parse_address(url)
        assert str(address.below("grouped")) == f"{url}/grouped"
        assert address.below("grouped").parent == address
        assert address.below("grouped").name == "grouped"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "takes no folder"),
        ("/mnt/shared", "--home FOLDER"),
        ("shared", "takes no folder"),
        ("s3:/sweeps", "Two slashes"),
        ("s3:sweeps", "Two slashes"),
        ("s3://", "names no bucket"),
        ("s3:///team", "names no bucket"),
        ("gs://sweeps/team", "nothing of 'gs' URLs"),
        ("https://sweeps.s3.amazonaws.com/team", "nothing of 'https' URLs"),
        ("s3://sweeps/team?region=eu", "behind the prefix"),
        ("s3://sweeps/team#a", "behind the prefix"),
        ("s3://sweeps/../other", "empty parts"),
        ("s3://sweeps/a//b", "empty parts"),
        ("s3://sweeps/a*b", "characters"),
        ("s3://x/team", "characters"),
    ],
)
def test_what_is_no_place_is_refused_with_what_was_expected(text, told):
    with pytest.raises(LocationError, match=told) as error:
        parse_address(text)
    assert "s3://BUCKET/PREFIX" in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:hidden@sweeps/team",
        "s3://key:hid/den@sweeps",
        "s3://hidden@sweeps",
        "key:hidden@sweeps",
        "s3://sweeps:hidden",
    ],
)
def test_a_password_in_it_is_refused_and_never_repeated(text):
    with pytest.raises(LocationError, match="No user, password or port belongs into --artifacts") as error:
        parse_address(text)
    assert "hid" not in str(error.value)
