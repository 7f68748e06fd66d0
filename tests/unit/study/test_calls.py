"""Answers from other threads are handled once each: when they come, or when it is too late for them."""

import math
from concurrent.futures import Future

import pytest

from sweep.worker.calls import Calls


@pytest.fixture
def calls():
    return Calls()


def test_an_answer_is_handled_once_when_it_has_come(calls):
    future, handled = Future(), []
    calls.add(future, handled.append)
    calls.settle()
    assert (bool(calls), handled) == (True, [])
    future.set_result("answer")
    calls.settle()
    calls.settle()
    assert (bool(calls), handled) == (False, ["answer"])


def test_an_answer_that_comes_too_late_is_not_waited_for(calls):
    future, handled, until = Future(), [], [math.inf]
    calls.add(future, handled.append, until=lambda: until[0], late=lambda: handled.append("late"))
    calls.settle()
    assert handled == []
    until[0] = 0.0
    calls.settle()
    future.set_result("answer")
    calls.settle()
    assert (bool(calls), handled) == (False, ["late"])


def test_an_answer_that_is_there_at_the_last_moment_counts(calls):
    future, handled = Future(), []
    calls.add(future, handled.append, until=lambda: 0.0, late=lambda: handled.append("late"))
    future.set_result("answer")
    calls.settle()
    assert handled == ["answer"]


def test_an_answer_that_comes_while_others_are_looked_at_is_not_lost(calls):
    first, second, handled = Future(), Future(), []
    first.set_result("first")

    class Coming(Future):
        """It is there from the second look on."""

        looks = 0

        def done(self):
            self.looks += 1
            return self.looks > 1

    coming = Coming()
    coming.set_result("coming")
    for future in (first, coming, second):
        calls.add(future, handled.append)
    calls.settle()
    calls.settle()
    assert handled == ["first", "coming"]
    assert calls


def test_what_a_handler_asks_for_is_awaited_too(calls):
    first, second, handled = Future(), Future(), []
    calls.add(first, lambda _: calls.add(second, handled.append))
    first.set_result(None)
    calls.settle()
    assert calls
    second.set_result("second")
    calls.settle()
    assert handled == ["second"]


def test_what_a_call_throws_is_thrown_in_the_loop(calls):
    future = Future()
    calls.add(future, lambda _: None)
    future.set_exception(RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        calls.settle()
