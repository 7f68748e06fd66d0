"""Kill a sweep's processes at random moments, over and over, and count what was lost: it must be nothing.

    python benchmarks/faults.py [--faults 100] [--seed 1]

The command, the store and the worker are the real ones; only the training is scripted (tests/faults). Exits 1 if
anything was lost.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "faults"))

from scripted_place import Place
from torment import Torment, losses


def main() -> None:
    """Run it, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sweep-faults-") as folder:
        place = Place(Path(folder))
        torment = Torment(place, faults=arguments.faults, seed=arguments.seed, tell=tell)
        try:
            rows = torment.run()
        finally:
            print(file=sys.stderr)
            place.close()
    injected, seconds = torment.injected, time.monotonic() - began
    print(f"{injected.total()} faults (seed {arguments.seed}), {torment.starts} starts, {seconds:.0f} s")
    for name, count in [*sorted(injected.items()), *rows.items()]:
        print(f"{count:6}  {name}")
    lost = losses(rows)
    print(f"{lost:6}  losses")
    sys.exit(1 if lost else 0)


def tell(injected: int, faults: int, starts: int) -> None:
    """Show how far it has come."""
    print(f"\r{injected} of {faults} faults, {starts} starts", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
