"""Optuna's own artifact store, apart: importing it takes long, and who only measures files needs none."""

from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

__all__ = ["ArtifactNotFound", "make_artifact_store"]


def make_artifact_store(folder: Path) -> FileSystemArtifactStore:
    """Optuna's artifact store in a folder, which is not made: who writes makes it first."""
    return FileSystemArtifactStore(folder)
