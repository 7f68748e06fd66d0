"""The trainer's entry: take jobs from a pipe until it closes.

Started by a worker as `python -m sweep.trainer.main FD`; FD is its end of a duplex pipe.
"""

import gc
import os
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from sweep.messages import Answer, Job, Ready, Stop


class Mailbox:
    """The trainer's end of the pipe, read by a thread of its own so that a stop or a closed pipe is never missed."""

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._connection = connection
        self._stopped: set[int] = set()
        threading.Thread(target=self._read, daemon=True, name="pipe").start()

    def send(self, answer: Answer) -> None:
        """Send one answer; a worker that is gone ends this process."""
        try:
            self._connection.send(answer)
        except OSError:
            os._exit(1)

    def is_stopped(self, trial: int) -> bool:
        """Whether the worker asked to end this trial."""
        return trial in self._stopped

    def _read(self) -> None:
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                # A fit cannot be interrupted from another thread: an orphan must not train on.
                os._exit(1)
            if isinstance(message, Stop):
                self._stopped.add(message.trial)
            else:
                self.jobs.put(message)


def main() -> None:
    """Serve one worker for life."""
    # Slurm and systemd send it to every process of a job: the worker obeys, and its trial is not to be lost to a crash.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    mailbox = Mailbox(Connection(int(sys.argv[1])))
    from sweep.trainer.training import Trainer  # seconds: a closed pipe must end the process meanwhile

    trainer = Trainer(send=mailbox.send, is_stopped=mailbox.is_stopped)
    mailbox.send(Ready(backend=trainer.backend, device=trainer.device))
    gc.collect()
    gc.freeze()  # Keras stays: looking through all of it after every trial would take a fifth of a second
    while True:
        trainer.run(mailbox.jobs.get())


if __name__ == "__main__":
    main()
