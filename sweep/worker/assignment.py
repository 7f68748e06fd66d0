"""What a worker is given, and what it comes back with."""

from dataclasses import dataclass
from pathlib import Path

import optuna

from search_spaces import SearchSpace
from storage import Store
from sweep.data.dataset import DataReference
from sweep.identity import Identity
from sweep.standing import End
from sweep.trial_files import TrialFiles


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What this host works on, and with what.

    Attributes:
        deadline: When this run ends, in seconds since the epoch, or None.
        backbone_weights: Weights file of each backbone; empty for random ones.
        files: Where trials keep checkpoints and weights.
        logs: Folder of the trainers' logs.
        marks: Folder where this host's workers show that they live.
    """

    store: Store
    study: optuna.Study
    space: SearchSpace
    identity: Identity
    data: DataReference
    backbone_weights: dict[str, Path]
    precision: str
    deterministic: bool
    deadline: float | None
    slots: int | None
    files: TrialFiles
    logs: Path
    marks: Path


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """Why a worker left: a rule of the study, or a signal."""

    reason: End
    signal: int | None = None
