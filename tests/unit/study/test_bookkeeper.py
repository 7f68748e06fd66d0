import threading

import pytest
from optuna.exceptions import UpdateFinishedTrialError
from sqlalchemy.exc import OperationalError

from sweep.worker import bookkeeper
from sweep.worker.bookkeeper import Bookkeeper


@pytest.fixture
def wakes():
    return []


@pytest.fixture
def books(wakes, monkeypatch):
    monkeypatch.setattr(bookkeeper, "RETRY_SECONDS", (0,))
    books = Bookkeeper(lambda: wakes.append("woken"))
    yield books
    books.close(10)


@pytest.fixture
def make_call():
    """A call that fails with each error in turn before it answers; it counts its tries."""

    def make(*errors):
        left = list(errors)

        def call():
            call.tries += 1
            if left:
                raise left.pop(0)
            return "answer"

        call.tries = 0
        return call

    return make


OUTAGE = OperationalError("SELECT 1", {}, Exception("the server is away"))


def test_a_call_is_answered_and_wakes_the_loop(books, wakes, make_call):
    assert books.submit(make_call()).result() == "answer"
    books.close(10)
    assert wakes == ["woken"]


def test_calls_keep_their_order(books):
    done = []
    for number in range(20):
        books.submit(lambda number=number: done.append(number))
    books.close(10)
    assert done == list(range(20))


def test_an_outage_is_waited_out(books, make_call):
    call = make_call(OUTAGE, OUTAGE)
    assert books.submit(call).result() == "answer"
    assert call.tries == 3


def test_a_late_result_is_dropped_quietly(books, make_call):
    call = make_call(UpdateFinishedTrialError("gone"))
    assert books.submit(call).result() is None
    assert call.tries == 1


def test_another_error_is_not_an_outage(books, make_call):
    call = make_call(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        books.submit(call).result()
    assert call.tries == 1


def test_closing_ends_the_wait_for_a_store_that_is_away(monkeypatch):
    monkeypatch.setattr(bookkeeper, "RETRY_SECONDS", (3600,))
    books, tried = Bookkeeper(lambda: None), threading.Event()

    def call():
        tried.set()
        raise OUTAGE

    future = books.submit(call)
    tried.wait()
    books.close(10)
    assert future.exception() is OUTAGE


def test_a_store_that_stays_silent_is_left_so():
    books, answered = Bookkeeper(lambda: None), threading.Event()
    future = books.submit(answered.wait)
    books.close(0)
    assert not future.done()
    answered.set()
    assert future.result(10) is True
