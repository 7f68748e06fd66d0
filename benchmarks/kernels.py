"""oneDNN's kernels against those that TensorFlow takes by itself: images per second of one trainer.

    python benchmarks/kernels.py [--quick]

TensorFlow takes oneDNN's only on processors with instructions for networks (AVX512-VNNI and later). Elsewhere, on the
first three generations of AMD's EPYC for one, a trainer asks for them. The best of several rounds counts.
"""

import figures
from figures import Row
from slots import plan_of, together, trainers_environment

from sweep.environment import ONEDNN

SECONDS, QUICK_SECONDS = 12.0, 4.0
ROUNDS, QUICK_ROUNDS = 3, 1
NETWORKS = ("compact", "isolated")


def rows(*, quick: bool) -> list[Row]:
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if quick else (SECONDS, ROUNDS)
    asked = trainers_environment(1)
    stock = {name: value for name, value in asked.items() if name != ONEDNN}
    found = []
    for name in NETWORKS:
        timed = [
            [together(name, trainers=1, seconds=seconds, environment=each) for each in (stock, asked)]
            for _ in range(rounds)
        ]
        before, after = (max(column) for column in zip(*timed, strict=True))
        found.append(
            Row(
                lever=f"{plan_of(name).forward_macs / 1e6:.0f} MMAC with oneDNN's kernels, against TensorFlow's choice",
                goal="never slower",
                figure=f"{after / before:.2f} x ({after:.0f} against {before:.0f} images/s)",
                met=None if quick else after >= 0.95 * before,  # noise
            )
        )
    return found


if __name__ == "__main__":
    figures.run(rows, __doc__)
