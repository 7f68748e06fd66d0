"""A process and all it starts, for so long: what it says and when, its memory, what it writes."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.peers.task import BEGAN

SAMPLE_SECONDS = 0.5  # between two looks at the memory
NEW_PEAK = 1.01  # over the resident sizes before
DEATH_SECONDS = 10.0  # in which killed processes are gone
KILL_SECONDS = 0.05  # between two looks whether they are


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What came of it.

    Attributes:
        seconds: Until it ended, or was killed.
        code: Its exit code; negative if a signal ended it.
        lines: What it said on its standard error, with the seconds at which each line came.
        peak_memory: Most bytes that all its processes held at one time. Shared pages count once (PSS), where the
            system tells; else the resident sizes (RSS) are added up.
        written: Bytes that they gave the disk to write; None where the system does not tell.
    """

    seconds: float
    code: int
    lines: tuple[tuple[float, str], ...]
    peak_memory: int
    written: int | None


@dataclass
class Tree:
    """All processes that descend from one, those whose parent is gone included.

    Attributes:
        root: The first one's id.
        peak_memory: Most bytes that they were seen to hold at one time.
    """

    root: int
    peak_memory: int = 0
    _resident: int = 0
    _seen: dict[int, psutil.Process] = field(default_factory=dict)
    _written: dict[tuple[int, float], int] = field(default_factory=dict)

    @property
    def written(self) -> int | None:
        """Bytes given to the disk so far, by those that are gone as well; None where the system does not tell."""
        return sum(self._written.values()) if self._written else None

    def __post_init__(self) -> None:
        with suppress(psutil.Error):
            self._seen[self.root] = psutil.Process(self.root)

    def alive(self) -> list[psutil.Process]:
        """Those that are there now."""
        there = {each.pid: each for each in psutil.process_iter(["ppid", "status"])}
        there = {number: each for number, each in there.items() if each.info["status"] != psutil.STATUS_ZOMBIE}
        self._seen = {number: each for number, each in self._seen.items() if there.get(number) == each}
        found = -1
        while found < len(self._seen):  # until no child of any of them is new
            found = len(self._seen)
            self._seen |= {number: each for number, each in there.items() if each.info["ppid"] in self._seen}
        return list(self._seen.values())

    def sample(self) -> None:
        """Look at their memory, and at what they wrote."""
        there, resident = self.alive(), 0
        for each in there:
            with suppress(psutil.Error):
                resident += each.memory_info().rss
                self._written[each.pid, each.create_time()] = each.io_counters().write_bytes
        # To tell shared pages apart takes the system 5 ms a process: only where there is a new peak to be measured.
        if resident > self._resident * NEW_PEAK:
            self._resident = resident
            self.peak_memory = max(self.peak_memory, sum(_memory(each) for each in there))

    def kill(self) -> None:
        """End them all, at once."""
        until = time.monotonic() + DEATH_SECONDS
        while time.monotonic() < until and (left := self.alive()):
            for each in left:
                with suppress(psutil.Error):
                    each.kill()
            # Not for the first one: whoever started it wants its exit code, which is told once.
            psutil.wait_procs([each for each in left if each.pid != self.root], timeout=0.2)
            time.sleep(KILL_SECONDS)


def watch(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    seconds: float,
    grace_seconds: float = 0.0,
) -> Watched:
    """Run a command in a session of its own, and kill all that is left of it when its time is over.

    Args:
        command: What to run.
        folder: Where; it gets the file output.log.
        environment: All its variables, besides the one that tells when it began.
        seconds: After which it is killed.
        grace_seconds: So much later, for one that ends by itself then. Default: 0.
    """
    lines: list[tuple[float, str]] = []
    with (folder / "output.log").open("w") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, BEGAN: repr(began)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )

        def listen() -> None:
            assert process.stderr is not None
            for line in process.stderr:
                lines.append((time.monotonic() - began, line.rstrip("\n")))
                log.write(line)
                log.flush()

        ear = threading.Thread(target=listen, daemon=True)
        ear.start()
        tree = Tree(process.pid)
        try:
            while process.poll() is None and (left := began + seconds + grace_seconds - time.monotonic()) > 0:
                tree.sample()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(min(SAMPLE_SECONDS, left))
            ended = time.monotonic() - began
            tree.sample()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            tree.kill()
            code = process.wait()
            ear.join(timeout=DEATH_SECONDS)
            if process.stderr is not None and not ear.is_alive():
                process.stderr.close()
    return Watched(seconds=ended, code=code, lines=tuple(lines), peak_memory=tree.peak_memory, written=tree.written)


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder."""
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink():
                sizes.append(path.stat().st_size)
    return sum(sizes)


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        try:
            return int(process.memory_full_info().pss)
        except (AttributeError, psutil.AccessDenied):
            return int(process.memory_info().rss)
    return 0
