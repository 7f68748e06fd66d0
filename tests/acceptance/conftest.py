"""The installed command as people run it: real processes in a folder of their own."""

import json
import os
import queue
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from storage.locks import file_lock

PROGRAMS = Path(sys.executable).parent
LINE_SECONDS = 90.0  # for the slowest line: Keras's import and a first tracing, on a busy machine
COMMAND_SECONDS = 240.0


class Running:
    """A command that was started, with its standard error line by line."""

    def __init__(self, arguments: list[str], folder: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal's: Ctrl-C there must not reach the tests
        )
        self.lines: list[str] = []
        self.seen: list[psutil.Process] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._queue.put(line)
        self._queue.put(None)

    def await_line(self, part: str) -> str:
        """The next line with `part` in it."""
        deadline = time.monotonic() + LINE_SECONDS
        while (line := self._queue.get(timeout=max(0.01, deadline - time.monotonic()))) is not None:
            self.lines.append(line)
            if part in line:
                return line
        raise AssertionError(f"It ended without a line with {part!r}:\n{''.join(self.lines)}")

    def read_all(self) -> None:
        """Take all lines that are left of a command that ended."""
        while (line := self._queue.get(timeout=LINE_SECONDS)) is not None:
            self.lines.append(line)
        self._queue.put(None)

    def trainers(self) -> list[psutil.Process]:
        """Its trainers; a worker has other children for moments, such as git."""
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                if "sweep.trainer.main" in process.cmdline() and process not in self.seen:
                    self.seen.append(process)
        return [process for process in self.seen if process.is_running() and not _is_zombie(process)]

    def press_ctrl_c(self) -> None:
        """Send SIGINT to the whole group, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float = COMMAND_SECONDS) -> int:
        """Its exit code."""
        return self.process.wait(timeout=seconds)


class Workplace:
    """A folder in which commands run, and its `sweep-data`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "sweep-data"
        self.started: list[Running] = []
        self._environment = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}

    def sweep(self, *arguments: object) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        return subprocess.run(
            [PROGRAMS / "sweep", *map(str, arguments)],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def json(self, *arguments: object) -> Any:
        """The document that a reading command prints."""
        answer = self.sweep(*arguments, "--json")
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def start(self, *arguments: object, program: str = "sweep") -> Running:
        """Start a program of this environment, and go on."""
        running = Running([str(PROGRAMS / program), *map(str, arguments)], self.folder, self._environment)
        self.started.append(running)
        return running

    def close(self) -> None:
        """End what still runs."""
        for running in self.started:
            if running.process.poll() is None:
                running.trainers()
                running.process.kill()
            for process in running.seen:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            running.process.wait()
            running._reader.join()


@pytest.fixture
def workplace(tmp_path: Path) -> Iterator[Workplace]:
    """An empty folder to run commands in."""
    place = Workplace(tmp_path)
    yield place
    place.close()


@pytest.fixture(scope="module")
def shared_workplace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    """A folder for all tests of a module."""
    place = Workplace(tmp_path_factory.mktemp("shared"))
    yield place
    place.close()


@pytest.fixture(scope="session")
def known_experiments(
    tmp_path_factory: pytest.TempPathFactory, fashion_mnist_cache: Path
) -> tuple[Workplace, "subprocess.CompletedProcess[str]"]:
    """A first run on Fashion-MNIST, to be looked at: ten known experiments and one more; and how it went."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:  # one run serves all of pytest's processes
        folder = folder.parent
    place, ended = Workplace(folder / "known"), folder / "known.json"
    with file_lock(folder / "known.lock"):
        if not ended.exists():
            cache = place.home / "cache"
            cache.mkdir(parents=True)
            (cache / "fashion-mnist").symlink_to(fashion_mnist_cache / "fashion-mnist")
            answer = place.sweep(*_first_run())
            ended.write_text(json.dumps([answer.returncode, answer.stdout, answer.stderr]))
    return place, subprocess.CompletedProcess(_first_run(), *json.loads(ended.read_text()))


@pytest.fixture(scope="session")
def first_run() -> tuple[str, ...]:
    """The command of `known_experiments`."""
    return _first_run()


def _first_run() -> tuple[str, ...]:
    terms = ("--family", "isolated", "--limit", "100", "--epochs", "1", "--batch-size", "32")
    return ("start", *terms, "--trials", "11")


@pytest.fixture
def copy_of_known_experiments(known_experiments: Any, workplace: Workplace) -> Workplace:
    """The same study to be worked on."""
    original, _ = known_experiments
    copy_home(original.home, workplace.home)
    return workplace


def copy_home(home: Path, target: Path) -> None:
    """Copy a home that other tests read meanwhile: files beside SQLite's come and go."""
    shutil.copytree(home, target, symlinks=True, ignore=shutil.ignore_patterns("sweep.db*"))
    with closing(sqlite3.connect(home / "sweep.db")) as source, closing(sqlite3.connect(target / "sweep.db")) as copy:
        source.backup(copy)


@pytest.fixture
def free_port() -> int:
    """A port of this host that nobody listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="session")
def answer_of() -> Callable[[str, "subprocess.Popen[str]"], Any]:
    """The JSON document at a URL, as soon as its server listens."""

    def get(url: "str | urllib.request.Request", server: "subprocess.Popen[str]") -> Any:
        deadline = time.monotonic() + LINE_SECONDS
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"The server ended with {server.wait(timeout=0.2)}")
            # Refused, or accepted and not answered in time: a service listens while it loads its model.
            with suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                return json.load(answer)
        raise AssertionError(f"{url} did not answer within {LINE_SECONDS:.0f} s")

    return get


@pytest.fixture(scope="session")
def all_gone() -> Callable[[list[psutil.Process], float], bool]:
    """Whether processes, not all of them our children, end within so many seconds."""

    def wait(processes: list[psutil.Process], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while processes and time.monotonic() < deadline:
            _, alive = psutil.wait_procs(processes, timeout=0.05)
            processes = [process for process in alive if not _is_zombie(process)]
        return not processes

    return wait


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
