"""A worker holds no more after many trials than after few."""

import re

import psutil
import pytest

pytestmark = pytest.mark.long

MIB = 2**20
ENDED = re.compile(r"trial \d+  (complete|repeat) ")


@pytest.mark.timeout(300)
def test_two_hundred_trials_leave_a_worker_as_small_as_thirty(place, terms):
    worker = place.start("start", *terms, "--trials", 200, "--sampler", "random", "--pruner", "none")
    process = psutil.Process(worker.process.pid)
    sizes = []
    for ended in range(1, 199):
        while ENDED.match(worker.await_line("trial ")) is None:
            continue
        if ended in (30, 198):
            sizes.append(process.memory_info().rss)
    assert worker.wait() == 0
    after_30, after_198 = sizes
    assert after_198 - after_30 < 20 * MIB
