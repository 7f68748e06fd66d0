"""Whether training in bfloat16 costs accuracy: one network, several seeds, both policies.

    python benchmarks/precision.py [--quick]

Each seed draws its own initial weights, image order and validation images; both policies train with the same ones.
The best epoch's weights are measured in float32 on the 10,000 test images, as everywhere in this project.
"""

import tempfile
import time
from pathlib import Path
from statistics import mean, stdev

import figures
import networks  # before Keras: it quietens TensorFlow
import numpy as np
from figures import Row

from sweep.messages import Result
from sweep.metrics import scores
from sweep.trainer.training import Trainer

IMAGES = 10_000
POLICIES = ("float32", "mixed_bfloat16")
WITHIN = 0.2  # percentage points


def train(folder: Path, *, seed: int, policy: str, epochs: int) -> float:
    """Test accuracy in percent."""
    answers: list[object] = []
    job = networks.make_job(
        folder, networks.small(), limit=IMAGES, epochs=epochs, seed=seed, precision=policy, evaluate_test=True
    )
    Trainer(send=answers.append, is_stopped=lambda _: False).run(job)
    result = answers[-1]
    if not isinstance(result, Result) or result.test is None:
        raise SystemExit(f"seed {seed} in {policy}: {result}")
    return 100 * scores(np.asarray(result.test.confusion_matrix)).accuracy


def rows(*, quick: bool) -> list[Row]:
    seeds, epochs = (2, 2) if quick else (5, 12)
    found: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    seconds = dict.fromkeys(POLICIES, 0.0)
    with tempfile.TemporaryDirectory(prefix="sweep-precision-") as folder:
        for seed in range(43, 43 + seeds):
            for policy in POLICIES:
                began = time.perf_counter()
                found[policy].append(train(Path(folder), seed=seed, policy=policy, epochs=epochs))
                seconds[policy] += time.perf_counter() - began
    single, half = (found[policy] for policy in POLICIES)
    difference = mean(half) - mean(single)
    return [
        Row(
            lever=f"test accuracy in mixed_bfloat16 and float32, {networks.small().forward_macs / 1e6:.0f} MMAC, "
            f"{IMAGES:,} images, {epochs} epochs, {seeds} seeds",
            goal=f"within {WITHIN} points",
            figure=f"{difference:+.2f} points ({mean(half):.2f} ± {stdev(half):.2f} against {mean(single):.2f} ± "
            f"{stdev(single):.2f} %; {seconds['float32'] / seconds['mixed_bfloat16']:.1f} x as fast)",
            met=None if quick else abs(difference) <= WITHIN,
        )
    ]


if __name__ == "__main__":
    figures.run(rows, __doc__)
