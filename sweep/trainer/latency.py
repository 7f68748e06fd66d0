"""How long a network takes for one image on this host's processor, measured before it is trained."""

import statistics
import time

import keras
import numpy as np

from search_spaces.build import build_model
from search_spaces.plan import LayerPlan
from sweep.messages import Job
from sweep.trainer.mirroring import with_views

WARM_UPS = 5  # the first one traces the network
LEAST_RUNS, MOST_RUNS = 20, 200
SECONDS = 1.0  # of runs, once there are enough for a median


class TooSlowError(Exception):
    """A network takes longer for one image than its study allows."""


class Latencies:
    """Measures each network once in this process: trials that differ in regularisers alone get one answer."""

    def __init__(self) -> None:
        self._measured: dict[tuple[int, int], float] = {}

    def of(self, job: Job) -> float:
        """Seconds that a job's network takes for one image."""
        costs = (job.plan.forward_macs, job.plan.parameters)
        if costs not in self._measured:
            self._measured[costs] = latency_seconds(job.plan)
        return self._measured[costs]


def latency_seconds(plan: LayerPlan) -> float:
    """The median time of one image's way through a network, on the CPU and in float32, with weights that mean nothing.

    As long as it takes where it is deployed without a GPU, one image at a time; what else the host does is in it.
    """
    keras.config.set_dtype_policy("float32")
    with keras.device("cpu:0"):
        model = with_views(build_model(plan), plan)
        # XLA is slower on processors; JAX knows nothing else.
        model.compile(jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")
        image = np.zeros((1, *plan.image_shape), np.uint8)
        for _ in range(WARM_UPS):
            model.predict_on_batch(image)
        seconds: list[float] = []
        until = time.perf_counter() + SECONDS
        while len(seconds) < LEAST_RUNS or (len(seconds) < MOST_RUNS and time.perf_counter() < until):
            began = time.perf_counter()
            model.predict_on_batch(image)
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)
