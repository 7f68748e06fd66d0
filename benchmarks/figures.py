"""The table that the benchmarks print: what was measured, what was wanted, what came."""

import argparse
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sweep.environment import cpu_count, gpu_names, processor_flags, processor_name, versions

# Virtual machines name their processor vaguely; these decide how fast it trains. Flags of /proc/cpuinfo, best first.
INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX512-BF16", "avx512f": "AVX512", "avx2": "AVX2", "bf16": "BF16"}
MARKS = {True: "yes", False: "**no**", None: "-"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """What one lever was measured to do.

    Attributes:
        lever: What was measured, against what.
        goal: What was wanted of it.
        figure: What came.
        met: Whether that is the goal; None where there is none, or where this machine cannot show it.
    """

    lever: str
    goal: str
    figure: str
    met: bool | None


class Measuring(Protocol):
    """A benchmark: measures, in a shorter way if that is wanted."""

    def __call__(self, *, quick: bool) -> list[Row]: ...


def run(rows: Measuring, doc: str | None) -> None:
    """A benchmark's own command line."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repeats, smaller data")
    print(table(rows(quick=parser.parse_args().quick)))


def table(rows: Iterable[Row]) -> str:
    """The rows in Markdown."""
    lines = ["| lever | goal | figure | met |", "|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.lever} | {row.goal} | {row.figure} | {MARKS[row.met]} |" for row in rows)])


def machine() -> str:
    """What the figures were measured on, with versions."""
    found = versions()
    named = ", ".join(f"{name} {found[name]}" for name in ("python", "tensorflow", "keras", "optuna") if name in found)
    return f"{hardware()}, {named}"


def hardware() -> str:
    """Its processor with the best of its instructions for networks, its GPUs, and the system."""
    flags = processor_flags()
    best = next((f" ({name})" for flag, name in INSTRUCTIONS.items() if flag in flags), "")
    return ", ".join([f"{cpu_count()} cores of {processor_name()}{best}", *gpu_names(), platform.system()])
