"""How many cores a container lets us use: threads beyond those only wait for each other."""

import os

import pytest

from sweep import environment
from sweep.environment import cpu_count

SEEN = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@pytest.fixture
def held_to(tmp_path, monkeypatch):
    """Puts this process in a control group with a quota, or with none."""
    own, groups = tmp_path / "cgroup", tmp_path / "groups"
    monkeypatch.setattr(environment, "OWN_GROUP", own)
    monkeypatch.setattr(environment, "CONTROL_GROUPS", groups)

    def hold(quota, *, group="/"):
        own.write_text(f"1:name=systemd:/elsewhere\n0::{group}\n")
        folder = groups / group.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(quota)

    return hold


@pytest.mark.parametrize("group", ["/", "/kubepods.slice/pod17"])
@pytest.mark.parametrize("quota", ["100000 100000\n", "50000 100000\n"])
def test_a_quota_counts_as_so_many_cores(held_to, quota, group):
    held_to(quota, group=group)
    assert cpu_count() == 1


# No test's name tells how many cores there are: of pytest's processes one may have more than another.
@pytest.mark.parametrize("group", ["/", "/kubepods.slice/pod17"])
def test_without_a_quota_all_cores_count(held_to, group):
    held_to("max 100000\n", group=group)
    assert cpu_count() == SEEN


def test_a_quota_gives_no_cores_that_there_are_not(held_to):
    held_to(f"{100_000 * (SEEN + 3)} 100000\n")
    assert cpu_count() == SEEN


@pytest.mark.parametrize("odd", ["", "nonsense\n", "max\n", "1 0 0\n"])
def test_what_cannot_be_read_holds_to_nothing(held_to, odd):
    held_to(odd)
    assert cpu_count() == SEEN


def test_without_control_groups_all_cores_count(held_to):
    assert cpu_count() == SEEN  # there is no such file
