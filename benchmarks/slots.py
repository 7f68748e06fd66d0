"""One trainer with all threads against one trainer for each core: images per second of all of them together.

    python benchmarks/slots.py [--quick]

Networks of several sizes, in the policy that `--precision auto` takes here, each trainer in a process of its own, all
at once. What decides between them is how well one network's step uses several cores.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

import figures
import networks
from figures import Row

from search_spaces.plan import LayerPlan
from sweep.environment import cpu_count, trainer_environment

SECONDS, QUICK_SECONDS = 12.0, 4.0
# Image counts that make an epoch a second or so: what is timed ends with an epoch.
NETWORKS = {"tiny": 8192, "small": 2048, "compact": 1024, "isolated": 256}


def plan_of(name: str) -> LayerPlan:
    """A network by name."""
    if name == "isolated":
        return networks.reported(name)
    return {"tiny": networks.tiny, "small": networks.small, "compact": networks.compact}[name]()


def train(name: str, seconds: float) -> None:
    """In a process of its own: train for so long once a line comes, and print the images per second."""
    from training import lean  # Keras

    from sweep.trainer.precision import dtype_policy

    plan, data = plan_of(name), networks.noise(NETWORKS[name])
    fit = lean(plan, dtype_policy("auto", networks.CACHE), data)
    fit(1)
    print("ready", flush=True)
    sys.stdin.readline()
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        fit(1)
        images += len(data[1])
    print(images / (time.perf_counter() - began), flush=True)


def trainers_environment(trainers: int) -> dict[str, str]:
    """What each of so many trainers that share the cores is started with."""
    return os.environ | trainer_environment(gpu=None, threads=max(1, cpu_count() // trainers))


def together(name: str, *, trainers: int, seconds: float, environment: Mapping[str, str]) -> float:
    """Images per second of so many trainers that share the cores."""
    command = [sys.executable, __file__, "--train", name, str(seconds)]
    processes = [
        subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(trainers)
    ]
    for process in processes:
        if _line(process) != "ready":
            raise SystemExit(f"A trainer of {name} did not begin.")
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = sum(float(_line(process)) for process in processes)
    for process in processes:
        process.communicate()
    return found


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rows(*, quick: bool) -> list[Row]:
    cores, found = cpu_count(), []
    for name in NETWORKS:
        seconds = QUICK_SECONDS if quick else SECONDS
        one, many = (
            together(name, trainers=count, seconds=seconds, environment=trainers_environment(count))
            for count in (1, cores)
        )
        found.append(
            Row(
                lever=f"{plan_of(name).forward_macs / 1e6:.1f} MMAC, `--slots {cores}` against `--slots 1`",
                goal="-",
                figure=f"{many / one:.2f} x ({many:.0f} against {one:.0f} images/s)",
                met=None,
            )
        )
    return found


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        train(sys.argv[2], float(sys.argv[3]))
    else:
        figures.run(rows, __doc__)
