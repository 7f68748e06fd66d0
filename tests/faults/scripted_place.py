"""A folder in which the real command runs with a scripted trainer."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from search_spaces import find_space
from storage import locate, open_store
from storage.artifacts import records_of
from sweep.documents import to_json, trial_documents

ENTRY = Path(__file__).resolve().parent / "scripted_sweep.py"
STUDY = "isolated-quick"
IMAGES = "images.npz"  # scikit-learn's digits would take each command a second
TERMS = ("--family", "isolated", "--dataset", IMAGES, "--limit", "40")
BASELINES = tuple(f"isolated-{number}" for number in range(1, 11))
COMMAND_SECONDS = 240.0  # two minutes of grace are in it, for a worker that dies before its trial has a name on it
LINE_SECONDS = 90.0
TRAINERS = ("scripted_trainer", "faulty_fits")


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
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.lines.append(line)
                self._queue.put(line)
        self._queue.put(None)

    def await_line(self, part: str) -> str:
        """The next line with `part` in it."""
        deadline = time.monotonic() + LINE_SECONDS
        while (line := self._queue.get(timeout=max(0.01, deadline - time.monotonic()))) is not None:
            if part in line:
                return line
        raise AssertionError(f"It ended without a line with {part!r}:\n{''.join(self.lines)}")

    def forget_lines(self) -> None:
        """Let `await_line` look only at what is written from now on."""
        while not self._queue.empty():
            if self._queue.get() is None:
                self._queue.put(None)  # it has ended
                return

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the whole group, as a terminal does; trainers are in sessions of their own."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self) -> None:
        """Kill -9 of the whole group, and wait for it."""
        self.signal_group(signal.SIGKILL)
        self.process.wait()

    def ended_within(self, seconds: float) -> bool:
        """Let some time pass, unless the command ends before."""
        try:
            self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def wait(self, seconds: float = COMMAND_SECONDS) -> int:
        """Its exit code."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"It did not end within {seconds:.0f} s:\n{''.join(self.lines[-20:])}") from None

    def text(self) -> str:
        """All that it wrote; it has ended."""
        self._reader.join(LINE_SECONDS)
        return "".join(self.lines)


def write_images(path: Path) -> None:
    """Write grey images of ten classes, the same wherever and whenever."""
    parts = {"train": 200, "test": 60}
    shades = np.arange(28 * 28, dtype=np.uint8).reshape(1, 28, 28)
    images = {f"x_{part}": np.repeat(shades, count, axis=0) for part, count in parts.items()}
    labels = {f"y_{part}": np.arange(count) % 10 for part, count in parts.items()}
    np.savez(path, **images, **labels)


class Place:
    """A folder in which commands run, their home, and the script of their trainers."""

    def __init__(self, folder: Path, storage: str | None = None) -> None:
        self.folder = folder
        self.home = folder / "sweep-data"
        self.started: list[Running] = []
        self._script = folder / "script.json"
        self.script()
        write_images(folder / IMAGES)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        self.environment = kept | {
            "TRAINER_SCRIPT": str(self._script),
            "FAULTS_PLACE": str(folder),
            "PYTHONPATH": str(ENTRY.parent.parent.parent),
        }
        if storage is not None:
            self.environment["SWEEP_STORAGE"] = storage

    def script(self, **values: Any) -> None:
        """What trainers do from their next trial on; see scripted_trainer.py."""
        draft = self._script.with_suffix(".draft")
        draft.write_text(json.dumps(values))
        draft.replace(self._script)

    def start(self, *arguments: object, **variables: str) -> Running:
        """Start a command, with some variables of its own, and go on."""
        environment = self.environment | variables
        running = Running([sys.executable, str(ENTRY), *map(str, arguments)], self.folder, environment)
        self.started.append(running)
        return running

    def run(self, *arguments: object, code: int = 0, seconds: float = COMMAND_SECONDS) -> str:
        """Run a command to its end; what it wrote."""
        running = self.start(*arguments)
        assert running.wait(seconds) == code, running.text()
        return running.text()

    def json(self, *arguments: object) -> Any:
        """The document that a reading command prints."""
        answer = subprocess.run(
            [sys.executable, str(ENTRY), *map(str, arguments), "--json"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def trials(self, study: str = STUDY) -> list[dict[str, Any]]:
        """All trials of a study, as `sweep trials --json` prints them; read here, for the command takes seconds."""
        family = study.partition("-")[0]
        with open_store(locate(self.environment.get("SWEEP_STORAGE"), self.home)) as store:
            trials: list[dict[str, Any]] = json.loads(to_json(trial_documents(store.load(study), find_space(family))))
        return trials

    def recorded_artifacts(self, study: str = STUDY) -> set[str]:
        """Names of the artifacts that the study knows of."""
        with open_store(locate(self.environment.get("SWEEP_STORAGE"), self.home)) as store:
            trials = store.load(study).get_trials(deepcopy=False)
        return {record.artifact_id for trial in trials for record in records_of(trial)}

    def checkpoints(self, study: str = STUDY) -> list[str]:
        """Names of the checkpoints that are left, drafts included."""
        # The folder of a server's study has the server's mark behind its name.
        folders = (self.home / "checkpoints").glob(f"{study}*")
        return sorted(path.name for folder in folders for path in folder.iterdir())

    def trainers(self) -> list[psutil.Process]:
        """Trainers that live, of this place only, whoever's children they are by now."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    set(TRAINERS) & set(process.cmdline())
                    and process.environ().get("FAULTS_PLACE") == str(self.folder)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found

    def trainers_are_gone(self, seconds: float = 3.0) -> bool:
        """Whether the last trainer dies within so many seconds."""
        deadline = time.monotonic() + seconds
        while left := self.trainers():
            if time.monotonic() > deadline:
                return False
            psutil.wait_procs(left, timeout=0.05)
        return True

    def close(self) -> None:
        """End what still runs."""
        for running in self.started:
            if running.process.poll() is None:
                running.kill()
            running.text()
        for process in self.trainers():
            with suppress(psutil.NoSuchProcess):
                process.kill()
