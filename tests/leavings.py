"""Trials in any state, and the files that they leave."""

from pathlib import Path
from typing import Any

import optuna


def ask_and_end(study: optuna.Study, ending: float | str | None = None, **attributes: Any) -> int:
    """A trial with these attributes: running, or ended with a value or a state; its number."""
    trial = study.ask()
    for name, value in attributes.items():
        trial.set_user_attr(name, value)
    if isinstance(ending, float):
        study.tell(trial, ending)
    elif ending is not None:
        study.tell(trial, state=optuna.trial.TrialState[ending])
    return trial.number


def write(path: Path, content: bytes = b"0123456789") -> Path:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
