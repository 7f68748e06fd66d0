"""Which dtype policy trains faster on this machine: by the processor's flags, then by a short probe, which is kept."""

import functools
import json
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import keras
import numpy as np

from sweep.environment import gpu_ids, gpu_names, host_name, processor_flags, processor_name, versions

FLOAT32 = "float32"
MIXED_BFLOAT16 = "mixed_bfloat16"
# Without one of these a processor computes bfloat16 by way of float32, and slower. "bf16" is Arm's.
BFLOAT16_FLAGS = frozenset({"amx_bf16", "avx512_bf16", "bf16"})
PAYS = 1.2  # times float32's speed: less would be eaten up by what a policy casts
ROUNDS = 5
PROBE_FILE = "precision.json"  # in the folder that downloads are kept in, too

log = logging.getLogger(__name__)


def dtype_policy(precision: str, cache_dir: Path) -> str:
    """The Keras dtype policy for `--precision`.

    `auto` takes mixed_bfloat16 where a convolution is computed at least 1.2 times as fast in it, else float32.

    Args:
        precision: `auto`, or a policy, which is taken as it is.
        cache_dir: Folder that keeps what was measured, by machine and versions.
    """
    if precision != "auto":
        return precision
    if not gpu_ids() and not processor_flags() & BFLOAT16_FLAGS:
        return FLOAT32
    speedup = _known(cache_dir / PROBE_FILE)
    if speedup is None:
        speedup = bfloat16_speedup()
        _remember(cache_dir / PROBE_FILE, speedup)
        log.warning("bfloat16 is %.2f times as fast as float32 here", speedup)
    return MIXED_BFLOAT16 if speedup >= PAYS else FLOAT32


def bfloat16_speedup() -> float:
    """How many times as fast as in float32 a convolution is computed in bfloat16 here; takes about a second."""
    random = np.random.default_rng(0)
    images, kernel = random.normal(size=(64, 28, 28, 64)), random.normal(size=(3, 3, 64, 64))
    operands = {dtype: [keras.ops.cast(each, dtype) for each in (images, kernel)] for dtype in ("float32", "bfloat16")}
    seconds: dict[str, list[float]] = {dtype: [] for dtype in operands}
    for _ in range(1 + ROUNDS):  # in turn, so that other work on the machine hits both
        for dtype, (inputs, weights) in operands.items():
            began = time.perf_counter()
            outputs = keras.ops.conv(inputs, weights, padding="same")
            float(outputs[0, 0, 0, 0])  # waits for a device that computes in the background
            seconds[dtype].append(time.perf_counter() - began)
    best = {dtype: min(taken[1:]) for dtype, taken in seconds.items()}  # the first ones compile
    return best["float32"] / best["bfloat16"]


@functools.cache
def _machine() -> str:
    """All that the answer depends on."""
    backend = keras.backend.backend()
    threads = os.environ.get("TF_NUM_INTRAOP_THREADS", "all")
    devices = ", ".join(gpu_names()) if gpu_ids() else f"{processor_name()}, {threads} threads"
    return f"{host_name()}: {devices}; {backend} {versions().get(backend, '')}, keras {versions()['keras']}"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _known(path: Path) -> float | None:
    speedup = _read(path).get(_machine())
    return float(speedup) if isinstance(speedup, int | float) else None


def _remember(path: Path, speedup: float) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(_read(path) | {_machine(): round(speedup, 3)}, indent=1, sort_keys=True))
        draft.replace(path)
    except OSError as error:  # a full disk, a folder of somebody else's: it is measured again next time
        log.warning("not kept: %s", error)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
