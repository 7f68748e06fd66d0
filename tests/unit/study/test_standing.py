from datetime import timedelta

import pytest

from sweep.budget import Budget
from sweep.standing import CONFIRMS, MAX_REPEATS, End, standing

DONE = ("COMPLETE", 0.5, {})
PRUNED = ("PRUNED", 0.4, {})
RUNNING = ("RUNNING", None, {})
WAITING = ("WAITING", None, {})
CRASHED = ("FAIL", None, {"failure": "crash"})
INTERRUPTED = ("FAIL", None, {"failure": "interrupted"})
FAILED_REPEAT = ("FAIL", None, {"failure": "repeat"})
TOO_LARGE = ("FAIL", None, {"failure": "limit"})
OF_ANOTHER_TOOL = ("FAIL", None, {})


def repeat(draw):
    return ("COMPLETE", 0.5, {"draw": draw, "reused_from": 0})


def begun(event, failures=0):
    return {"event": event, "deadline": None, "failures": failures}


def ended(reason):
    return {"event": "ended", "reason": reason}


@pytest.fixture
def end(make_trials):
    """Why a study with such trials and run records has ended, or None."""

    def compute(*descriptions, records=(), **rules):
        attributes = {f"run.{order}": record for order, record in enumerate(records)}
        return standing(make_trials(*descriptions), Budget(**rules), attributes).ended

    return compute


def test_trials_are_counted_by_state(make_trials):
    trials = make_trials(DONE, DONE, DONE, PRUNED, PRUNED, RUNNING, WAITING, WAITING, WAITING, WAITING, CRASHED)
    now = standing(trials, Budget(), {})
    assert (now.complete, now.pruned, now.running, now.waiting, now.failed) == (3, 2, 1, 4, 1)
    assert now.finished == 5
    assert now.ended is None


def test_the_best_trial_is_the_first_complete_one_with_the_highest_value(make_trials):
    trials = make_trials(DONE, ("COMPLETE", 0.8, {}), ("COMPLETE", 0.8, {}), ("PRUNED", 0.9, {}))
    assert standing(trials, Budget(), {}).best.number == 1


def test_an_empty_study_has_neither_best_nor_end(make_trials):
    now = standing([], Budget(), {})
    assert (now.best, now.ended, now.finished) == (None, None, 0)


# Limits of networks


def too_large(draw):
    return ("FAIL", None, {"draw": draw, "failure": "limit"})


def test_networks_above_a_limit_neither_fill_the_budget_nor_speak_against_the_study(end):
    assert end(DONE, *[TOO_LARGE] * 30, trials=2, max_failures=3) is None


def test_a_study_whose_proposals_are_all_above_its_limits_is_exhausted(end):
    proposals = [too_large(draw) for draw in range(1, MAX_REPEATS + 1)]
    assert end(*proposals[:-1]) is None
    assert end(*proposals) is End.EXHAUSTED
    assert end(*proposals, WAITING) is None
    assert end(*proposals, ("COMPLETE", 0.5, {"draw": MAX_REPEATS + 1})) is None


# Trials and until


def test_complete_and_pruned_trials_fill_the_budget(end):
    assert end(DONE, PRUNED, trials=2) is End.TRIALS
    assert end(DONE, PRUNED, trials=3) is None


@pytest.mark.parametrize("other", [RUNNING, WAITING, CRASHED, INTERRUPTED])
def test_nothing_else_fills_the_budget(end, other):
    assert end(DONE, other, other, trials=2) is None


def test_the_accuracy_wanted_ends_a_study_when_a_trial_reaches_it(end):
    assert end(DONE, until=0.5) is End.UNTIL
    assert end(DONE, until=0.51) is None
    assert end(("PRUNED", 0.9, {}), until=0.5) is None


def test_an_accuracy_of_nothing_is_reached_by_any_complete_trial(end):
    assert end(("COMPLETE", 0.0, {}), until=0.0) is End.UNTIL


# Exhausted


def test_twenty_repeats_in_a_row_exhaust_a_study(end):
    repeats = [repeat(draw) for draw in range(1, MAX_REPEATS + 1)]
    assert MAX_REPEATS == 20
    assert end(DONE, *repeats, trials=100) is End.EXHAUSTED
    assert end(DONE, *repeats[1:], trials=100) is None


def test_a_repeated_failure_is_a_repeat_too(end):
    repeats = [("FAIL", None, {"draw": draw, "failure": "repeat"}) for draw in range(1, MAX_REPEATS + 1)]
    assert end(*repeats, trials=100) is End.EXHAUSTED


def test_a_new_configuration_begins_the_count_of_repeats_anew(end):
    repeats = [repeat(draw) for draw in range(2, MAX_REPEATS + 1)]
    new = ("COMPLETE", 0.6, {"draw": MAX_REPEATS + 1})
    assert end(repeat(1), *repeats, new, trials=100) is None
    assert end(repeat(1), *repeats, new, repeat(MAX_REPEATS + 2), trials=100) is None


def test_repeats_are_counted_in_the_order_of_draws_not_of_numbers(end):
    repeats = [repeat(draw) for draw in range(2, MAX_REPEATS + 2)]
    assert end(*repeats, ("COMPLETE", 0.6, {"draw": 1}), trials=100) is End.EXHAUSTED


def test_enqueued_trials_do_not_interrupt_a_row_of_repeats(end):
    repeats = [repeat(draw) for draw in range(1, MAX_REPEATS + 1)]
    assert end(*repeats[:10], DONE, *repeats[10:], DONE, trials=100) is End.EXHAUSTED


def test_a_study_is_not_exhausted_while_a_trial_waits(end):
    repeats = [repeat(draw) for draw in range(1, MAX_REPEATS + 1)]
    assert end(*repeats, WAITING, trials=100) is None


@pytest.mark.parametrize(
    ("trials", "why"),
    [
        ((DONE, WAITING), None),
        ((DONE, RUNNING), None),
        ((DONE, CRASHED), End.EXHAUSTED),
        ((DONE, DONE), End.EXHAUSTED),
        ((), End.EXHAUSTED),
    ],
)
def test_a_confirming_study_has_nothing_to_offer_but_what_waits(make_trials, trials, why):
    assert standing(make_trials(*trials), Budget(trials=9), {CONFIRMS: "isolated"}).ended is why


# Failures


def test_failures_in_a_row_end_a_study(end):
    assert end(DONE, CRASHED, CRASHED, CRASHED, max_failures=3) is End.FAILURES
    assert end(DONE, CRASHED, CRASHED, max_failures=3) is None


@pytest.mark.parametrize("success", [DONE, PRUNED])
def test_a_success_begins_the_count_of_failures_anew(end, success):
    assert end(CRASHED, CRASHED, success, CRASHED, max_failures=3) is None


@pytest.mark.parametrize("harmless", [INTERRUPTED, FAILED_REPEAT])
def test_interruptions_and_repeats_neither_count_nor_interrupt_a_row(end, harmless):
    assert end(harmless, harmless, harmless, max_failures=3) is None
    assert end(CRASHED, harmless, CRASHED, max_failures=2) is End.FAILURES


def test_a_failure_that_another_tool_recorded_counts(end):
    assert end(OF_ANOTHER_TOOL, OF_ANOTHER_TOOL, max_failures=2) is End.FAILURES


def test_a_host_whose_clock_is_ahead_does_not_put_its_failures_last(make_trials):
    trials = make_trials(CRASHED, DONE, CRASHED)
    trials[0].datetime_complete += timedelta(hours=1)
    assert standing(trials, Budget(max_failures=2), {}).ended is None
    assert standing(trials, Budget(max_failures=1), {}).ended is End.FAILURES


def test_a_later_start_forgives_the_failures_before_it(end):
    failures = [CRASHED] * 3
    assert end(*failures, records=[begun("start"), ended("failures")], max_failures=3) is End.FAILURES
    again = [begun("start"), ended("failures"), begun("start", failures=3)]
    assert end(*failures, records=again, max_failures=3) is None
    assert end(*failures, CRASHED, CRASHED, records=again, max_failures=3) is None
    assert end(*failures, CRASHED, CRASHED, CRASHED, records=again, max_failures=3) is End.FAILURES


def test_a_join_forgives_nothing(end):
    records = [begun("start"), ended("failures"), begun("join", failures=3)]
    assert end(CRASHED, CRASHED, CRASHED, records=records, max_failures=3) is End.FAILURES


# Records of runs


@pytest.mark.parametrize("reason", ["timeout", "stopped"])
def test_a_run_s_end_is_the_study_s_while_nothing_runs(end, reason):
    records = [begun("start"), ended(reason)]
    assert end(DONE, WAITING, records=records) is End(reason)
    assert end(DONE, RUNNING, records=records) is None


@pytest.mark.parametrize("event", ["start", "join"])
def test_a_later_start_or_join_supersedes_a_run_s_end(end, event):
    assert end(DONE, records=[begun("start"), ended("timeout"), begun(event)]) is None


@pytest.mark.parametrize(
    ("reason", "rules"),
    [("failures", {"max_failures": 4}), ("trials", {"trials": 2}), ("until", {"until": 0.9})],
)
def test_a_rule_that_was_changed_takes_up_the_study_that_it_had_ended(end, reason, rules):
    trials = [CRASHED] * 3 if reason == "failures" else [DONE]
    earlier = {"failures": {"max_failures": 3}, "trials": {"trials": 1}, "until": {"until": 0.5}}[reason]
    records = [begun("start"), ended(reason)]
    assert end(*trials, records=records, **earlier) is End(reason)
    assert end(*trials, records=records, **rules) is None


def test_a_rule_that_holds_outweighs_a_run_s_end(end):
    assert end(DONE, records=[begun("start"), ended("stopped")], trials=1) is End.TRIALS
