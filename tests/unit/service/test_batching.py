import threading
from concurrent.futures import CancelledError, wait

import numpy as np
import pytest

from sweep.service.batching import Batcher


class Doubling:
    """A model that doubles, and waits in its first batch until it is let go."""

    def __init__(self):
        self.sizes = []
        self.began = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, images):
        self.sizes.append(len(images))
        self.began.set()
        self.go_on.wait(timeout=60)
        if (images == 99).any():
            raise ValueError("unlucky")
        return images * 2


@pytest.fixture
def doubling():
    return Doubling()


@pytest.fixture
def observed():
    return []


@pytest.fixture
def batcher(doubling, observed):
    batcher = Batcher(doubling, lambda images, seconds: observed.append((images, seconds)), largest=8)
    yield batcher
    doubling.go_on.set()
    batcher.close()


def images(*values):
    return np.array(values, dtype=np.uint8)


def test_who_asked_gets_his_own(batcher, doubling):
    doubling.go_on.set()
    answers = [batcher.submit(images(*range(start, start + 3))) for start in range(0, 90, 3)]
    for start, answer in zip(range(0, 90, 3), answers, strict=True):
        assert answer.result(timeout=60).tolist() == [2 * start, 2 * start + 2, 2 * start + 4]


def test_what_comes_while_the_model_runs_is_the_next_batch(batcher, doubling, observed):
    first = batcher.submit(images(1))
    doubling.began.wait(timeout=60)
    others = [batcher.submit(images(value, value)) for value in (2, 3, 4, 5, 6)]
    doubling.go_on.set()
    wait([first, *others], timeout=60)
    assert doubling.sizes == [1, 8, 2]  # at most 8 images, no request in two pieces
    assert [size for size, _ in observed] == doubling.sizes
    assert others[-1].result().tolist() == [12, 12]


def test_a_request_larger_than_a_batch_runs_alone(batcher, doubling):
    first = batcher.submit(images(1))
    doubling.began.wait(timeout=60)
    large, small = batcher.submit(images(*range(20, 40))), batcher.submit(images(7))
    doubling.go_on.set()
    assert len(large.result(timeout=60)) == 20
    assert small.result(timeout=60).tolist() == [14]
    assert first.result(timeout=60).tolist() == [2]
    assert doubling.sizes == [1, 20, 1]


def test_a_failure_is_told_to_those_of_its_batch_alone(batcher, doubling):
    doubling.go_on.set()
    with pytest.raises(ValueError, match="unlucky"):
        batcher.submit(images(99)).result(timeout=60)
    assert batcher.submit(images(100)).result(timeout=60).tolist() == [200]


def test_what_is_cancelled_in_time_is_not_run(batcher, doubling):
    first = batcher.submit(images(1))
    doubling.began.wait(timeout=60)
    unwanted, wanted = batcher.submit(images(2)), batcher.submit(images(3))
    assert unwanted.cancel()
    doubling.go_on.set()
    assert wanted.result(timeout=60).tolist() == [6]
    assert first.done()
    assert doubling.sizes == [1, 1]


def test_closing_lets_the_batch_that_runs_end_and_cancels_what_waits(batcher, doubling):
    running = batcher.submit(images(1))
    doubling.began.wait(timeout=60)
    waiting = batcher.submit(images(2))
    closing = threading.Thread(target=batcher.close)
    closing.start()
    with pytest.raises(CancelledError):
        waiting.result(timeout=60)
    doubling.go_on.set()
    closing.join(timeout=60)
    assert running.result(timeout=60).tolist() == [2]
    with pytest.raises(RuntimeError, match="stopped"):
        batcher.submit(images(3))


def test_thirty_two_threads_at_a_time_each_get_their_own(batcher, doubling):
    doubling.go_on.set()
    wrong = []

    def ask(value):
        for _ in range(20):
            found = batcher.submit(images(value)).result(timeout=60).tolist()
            if found != [2 * value]:
                wrong.append((value, found))

    threads = [threading.Thread(target=ask, args=(value,)) for value in range(40, 72)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(doubling.sizes) == 32 * 20
