"""Artifacts as Optuna's tools take them, apart: importing Optuna takes long, and who only measures files needs none."""

import io
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from optuna.artifacts import FileSystemArtifactStore
from optuna.artifacts.exceptions import ArtifactNotFound

from storage.address import Address
from storage.artifacts import OURS, study_key
from storage.objects import Objects

__all__ = ["ArtifactNotFound", "SharedArtifactStore", "make_artifact_store"]

FOLDER = "artifacts/"  # what the keys of artifacts begin with at a study's place
READ_SECONDS = 5.0  # at least, between two readings of the studies' places


def make_artifact_store(folder: Path) -> FileSystemArtifactStore:
    """Optuna's artifact store in a folder, which is not made: who writes makes it first."""
    return FileSystemArtifactStore(folder)


class SharedArtifactStore:
    """The artifacts of all studies of a store: from a folder of this host, else from their study's place.

    Args:
        folder: The folder; need not exist.
        places: Reads the places of the studies that have one, by the studies' names. It is called again where an
            artifact is not at the place that it named before.
        clock: Monotonic seconds.
    """

    def __init__(
        self, folder: Path, places: Callable[[], Mapping[str, Address]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._here = make_artifact_store(folder)
        self._read_places = places
        self._clock = clock
        self._lock = threading.Lock()
        self._read = -math.inf  # when the places were read
        self._places: dict[str, Objects] = {}  # by the study's key in its artifacts' ids

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The content of an artifact.

        Raises:
            ArtifactNotFound: If it is neither here nor at a place.
            PlaceError: If its study's place cannot say.
        """
        try:
            return self._here.open_reader(artifact_id)
        except ArtifactNotFound:
            for objects in self._places_of(artifact_id):
                content = objects.read(FOLDER + artifact_id)
                if content is not None:
                    return io.BytesIO(content)
            raise

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keep what a person attached, in the folder of this host."""
        self._here.write(artifact_id, content_body)

    def remove(self, artifact_id: str) -> None:
        """Remove an artifact, here and at its study's place.

        Raises:
            ArtifactNotFound: If it is not here, and its study has no place.
            PlaceError: If it cannot be removed there.
        """
        objects = next(self._places_of(artifact_id), None)
        if objects is None:
            self._here.remove(artifact_id)
            return
        with suppress(ArtifactNotFound):  # it may be on another host
            self._here.remove(artifact_id)
        objects.remove([FOLDER + artifact_id])

    def _places_of(self, artifact_id: str) -> Iterator[Objects]:
        """The place of an artifact's study as it is known, then as it is read anew if that is another one."""
        ours = OURS.fullmatch(artifact_id)
        if ours is None:
            return
        known = self._places.get(ours["study"])
        if known is not None:
            yield known
        self._read_again()
        now = self._places.get(ours["study"])
        if now is not None and now is not known:
            yield now

    def _read_again(self) -> None:
        with self._lock:
            if self._clock() - self._read < READ_SECONDS:
                return
            found = {study_key(name): address for name, address in self._read_places().items()}
            kept = {key: each for key, each in self._places.items() if found.get(key) == each.address}
            self._places = {key: kept.get(key) or Objects(address, brief=True) for key, address in found.items()}
            self._read = self._clock()
