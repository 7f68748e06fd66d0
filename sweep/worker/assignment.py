"""What a worker is given, and what it comes back with."""

from dataclasses import dataclass
from pathlib import Path

import optuna

from search_spaces import SearchSpace
from storage import Store
from sweep.data.dataset import DataReference
from sweep.identity import Identity
from sweep.standing import End


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What this host works on, and with what.

    Attributes:
        deadline: When this run ends, in seconds since the epoch, or None.
        backbone_weights: Weights file of each backbone; empty for random ones.
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
    logs: Path


@dataclass(frozen=True, kw_only=True)
class RunEnd:
    """Why a worker left: a rule of the study, or a signal."""

    reason: End
    signal: int | None = None
