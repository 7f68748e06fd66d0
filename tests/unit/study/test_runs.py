import pytest

from sweep.runs import record_begin, record_end, running_deadline
from sweep.standing import End, attributes_of_runs


def test_a_run_without_a_timeout_has_no_deadline(study):
    assert running_deadline(study) is None
    record_begin(study, "start")
    assert running_deadline(study) is None


def test_joiners_inherit_the_deadline_of_the_newest_start(study):
    record_begin(study, "start", deadline=1000.0)
    record_begin(study, "join")
    assert running_deadline(study) == 1000.0
    record_begin(study, "start")
    assert running_deadline(study) is None


def test_every_event_is_an_attribute_of_its_own_in_its_order(study):
    record_begin(study, "start", deadline=1000.0)
    record_end(study, End.TIMEOUT)
    record_begin(study, "start", deadline=2000.0)
    assert [event["deadline"] for event in attributes_of_runs(study.user_attrs, "start")] == [1000.0, 2000.0]
    (ended,) = attributes_of_runs(study.user_attrs, "ended")
    assert ended["reason"] == "timeout"
    assert len(study.user_attrs) == 3


@pytest.mark.parametrize("kind", ["crash", "memory", None])
def test_a_start_records_the_failures_that_it_forgives(study, make_trials, kind):
    study.add_trials(make_trials(("FAIL", None, {"failure": kind}), ("FAIL", None, {"failure": "interrupted"})))
    record_begin(study, "start")
    assert attributes_of_runs(study.user_attrs, "start")[0]["failures"] == 1


def test_runs_are_ordered_by_their_count_and_not_by_the_clocks_of_hosts(study):
    for number in range(11):
        record_begin(study, "start", deadline=float(number))
    assert [key.split(".")[1] for key in sorted(study.user_attrs)] == [f"{number:06}" for number in range(11)]
    assert running_deadline(study) == 10.0
