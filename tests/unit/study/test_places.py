"""Which place a study records for its files, and who may name which."""

import re

import optuna
import pytest

from storage.address import parse_address
from sweep.errors import UsageError
from sweep.places import ATTRIBUTE, place_of, refuse_another_place, settle_place

TEAM, OTHER = parse_address("s3://sweeps/team"), parse_address("s3://sweeps/other")


@pytest.fixture
def placed(study):
    """A study with a place."""
    assert settle_place(study, TEAM, is_new=True) == []
    return study


def test_a_new_study_gets_a_place_of_its_own_below_the_one_that_was_given(placed):
    assert re.fullmatch(r"s3://sweeps/team/isolated-[0-9a-f]{8}", placed.user_attrs[ATTRIBUTE])
    assert place_of(placed).parent == TEAM


def test_two_studies_of_one_name_never_share_a_place(placed):
    other = optuna.create_study(study_name="isolated")
    settle_place(other, TEAM, is_new=True)
    assert place_of(other) != place_of(placed)


def test_without_a_place_a_study_records_none(study):
    assert settle_place(study, None, is_new=True) == []
    assert place_of(study) is None
    assert ATTRIBUTE not in study.user_attrs


@pytest.mark.parametrize("given", ["nothing", "the same", "its own"])
def test_what_is_given_again_changes_nothing(placed, given):
    before = place_of(placed)
    again = {"nothing": None, "the same": parse_address("s3://sweeps/team/"), "its own": before}[given]
    assert settle_place(placed, again) == []
    refuse_another_place(placed, again)
    assert place_of(placed) == before


def test_another_place_is_a_change_that_moves_nothing(placed):
    before = place_of(placed)
    (change,) = settle_place(placed, OTHER)
    assert place_of(placed).parent == OTHER
    assert change == f"artifacts: {before} -> {place_of(placed)}; what lies below {before} is not moved"


def test_a_study_that_was_made_without_a_place_can_get_one(study):
    (change,) = settle_place(study, TEAM)
    assert change.startswith(f"artifacts: none -> {place_of(study)}")


def test_who_does_not_change_a_study_is_refused_another_place(placed):
    with pytest.raises(
        UsageError, match=r"keeps its files at s3://sweeps/team/isolated-\w+\. Received: .*s3://sweeps/other"
    ):
        refuse_another_place(placed, OTHER)


def test_a_place_is_no_contradiction_to_a_study_without_one(study):
    refuse_another_place(study, TEAM)
    refuse_another_place(study, None)


@pytest.mark.parametrize(
    "recorded",
    [
        "s3://sweeps",
        "s3://sweeps/somebody-else",
        "s3://sweeps/grouped-01234567",
        "s3://key:hidden@sweeps/isolated-01234567",
        "/home/somebody",
        7,
    ],
)
def test_a_place_that_sweep_did_not_choose_is_never_used(study, recorded):
    study.set_user_attr(ATTRIBUTE, recorded)
    with pytest.raises(UsageError, match="is no place that sweep chose") as error:
        place_of(study)
    assert "hidden" not in str(error.value)
