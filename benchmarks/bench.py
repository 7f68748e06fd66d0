"""Measure every lever, one after the other in a process of its own, and print one table.

    python benchmarks/bench.py [--quick] [NAME ...]      NAME: a module beside this one, as in LEVERS

Without --quick it takes up to 60 minutes on two cores, with it 10. Nothing else should run on the machine meanwhile.
Exits 1 if something could not be measured; a goal that is not met is a figure in the table.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import Row, machine, table

LEVERS = ("training", "kernels", "slots", "precision", "overhead", "backbones", "replay", "startup")
MEASURE = """
import json, sys
from dataclasses import asdict
sys.path.insert(0, {folder!r})
import {name} as lever
json.dump([asdict(row) for row in lever.rows(quick={quick})], open(sys.argv[1], "w"))
"""


def measure(name: str, *, quick: bool, answer: Path) -> list[Row] | None:
    """The rows of one lever, or None if it could not be measured; what it prints goes to standard error."""
    program = MEASURE.format(folder=str(Path(__file__).parent), name=name, quick=quick)
    done = subprocess.run([sys.executable, "-c", program, str(answer)], stdout=sys.stderr)
    if done.returncode != 0:
        return None
    return [Row(**row) for row in json.loads(answer.read_text())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*LEVERS, []])
    arguments = parser.parse_args()
    rows: list[Row] = []
    missing: list[str] = []
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sweep-bench-") as folder:
        for name in arguments.names or LEVERS:
            start = time.monotonic()
            print(f"{name} ...", file=sys.stderr, flush=True)
            found = measure(name, quick=arguments.quick, answer=Path(folder, f"{name}.json"))
            print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
            if found is None:
                missing.append(name)
            else:
                rows += found
    print(f"{machine()}; {(time.monotonic() - began) / 60:.0f} minutes\n")
    print(table(rows))
    if missing:
        print(f"\nCould not be measured, see above: {', '.join(missing)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
