"""The real `sweep` command with another trainer: `python scripted_sweep.py start --family isolated …`.

TRAINER_MODULE in the environment names the trainer, a module of this folder; default: scripted_trainer.
"""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Run the command."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent.parent)])  # for the trainers
    from sweep.cli import main as command
    from sweep.worker import trainer_process

    trainer_process.TRAINER_MODULE = os.environ.get("TRAINER_MODULE", "scripted_trainer")
    command.run()


if __name__ == "__main__":
    main()
