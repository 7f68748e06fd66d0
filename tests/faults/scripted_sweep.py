"""The real `sweep` command with another trainer and no figures: `python scripted_sweep.py start --family isolated …`.

Variables say what is wrong this time:

- TRAINER_MODULE: the trainer, a module of this folder. Default: scripted_trainer.
- FAULT_AT: the call on the store at which this process kills itself; see fatal_calls.py. Default: none.
- FAULT_DRAWING: seconds that the figures of a trial, or of the study, would take. Default: 0.
- FAULT_PAGE: seconds that those of the study would take. Default: FAULT_DRAWING.
- FAULT_CLOCK: seconds by which this process's clock is ahead; behind if negative. Default: 0.
- FAULT_HOST: what this host is called. Default: its name.
"""

import os
import socket
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent.parent)])  # for the trainers
    if "FAULT_CLOCK" in os.environ:  # first of all: others take `datetime` by name
        from wrong_clock import set_clock

        set_clock(ahead_seconds=float(os.environ["FAULT_CLOCK"]))
    if "FAULT_HOST" in os.environ:
        socket.gethostname = lambda: os.environ["FAULT_HOST"]
    from plain_evidence import draw_nothing

    from sweep.cli import main as command
    from sweep.worker import trainer_process

    if "FAULT_AT" in os.environ:
        from fatal_calls import kill_at

        kill_at(os.environ["FAULT_AT"])
    drawing = os.environ.get("FAULT_DRAWING", "0")
    draw_nothing(seconds=float(drawing), page_seconds=float(os.environ.get("FAULT_PAGE", drawing)))
    trainer_process.TRAINER_MODULE = os.environ.get("TRAINER_MODULE", "scripted_trainer")
    command.run()


if __name__ == "__main__":
    main()
