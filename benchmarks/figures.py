"""The table that the benchmarks print: what was measured, what was wanted, what came."""

import argparse
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from sweep.environment import cpu_count, gpu_names, processor_name, versions

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
    """What the figures were measured on."""
    found = versions()
    named = ", ".join(f"{name} {found[name]}" for name in ("python", "tensorflow", "keras", "optuna") if name in found)
    processors = f"{cpu_count()} cores of {processor_name()}"
    return ", ".join([processors, *gpu_names(), platform.system(), named])
