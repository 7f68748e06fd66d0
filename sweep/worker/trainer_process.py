"""A trainer as its worker sees it: a process at the other end of a pipe."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from sweep.environment import trainer_environment

if TYPE_CHECKING:  # a trainer is started before anything else is imported
    from sweep.messages import Answer, Job, Stop

TRAINER_MODULE = "sweep.trainer.main"
STOP_SECONDS = 7.0  # a trainer that does not obey a stop for so long is killed
SILENT_SECONDS = 600.0  # a trainer that says nothing for so long, or ten of its longest epochs, is killed


class TrainerProcess:
    """Start a trainer; it imports Keras and says `Ready`.

    Args:
        log: File that takes what it prints: TensorFlow's chatter belongs there, not on the terminal.
        gpu: The GPU it may use, or None.
        threads: Processor threads it may use.
    """

    def __init__(self, *, log: Path, gpu: str | None, threads: int) -> None:
        self.connection: Connection[Any, Any]
        self.connection, theirs = multiprocessing.Pipe()
        self.last_sign = time.monotonic()
        with log.open("a") as output:
            # A program of its own rather than a fork of ours: its environment must be set before Keras is
            # imported. In a session of its own, so that Ctrl-C reaches the worker alone.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", TRAINER_MODULE, str(theirs.fileno())],
                env=trainer_environment(gpu=gpu, threads=threads),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        theirs.close()

    def send(self, message: "Job | Stop") -> None:
        """Send a job or a stop; that a dead trainer takes none is seen when it is received from."""
        try:
            self.connection.send(message)
        except OSError:
            return

    def receive(self) -> "Answer | None":
        """The next answer, or None when the trainer is dead."""
        try:
            answer: Answer = self.connection.recv()
        except (EOFError, OSError):
            return None
        self.last_sign = time.monotonic()
        return answer

    def memory_bytes(self) -> int:
        """Its resident memory; 0 if it is gone."""
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0

    def kill(self) -> str:
        """End it at once and say how it ended."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        code = self._process.wait()
        self.connection.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"

    def wait_death(self) -> str:
        """How a trainer that closed its pipe ended."""
        try:
            code = self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()
        self.connection.close()
        return f"signal {-code}" if code < 0 else f"exit code {code}"
