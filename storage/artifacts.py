"""Where the files of trials are kept that Optuna's tools show: its artifacts."""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.location import Location

if TYPE_CHECKING:
    import optuna

OURS = re.compile(r"[0-9a-f]{2}-(?P<study>[0-9a-f]{8})-[0-9a-f]{6,}-[0-9a-f]{12}")
NO_TRIAL = 0xFFFFFF  # in the place of a trial's number
PREFIX = "artifacts:"  # of the system attributes in which Optuna and its dashboard look for records
UNDER_WAY = "artifact_under_way"  # a study's system attribute: the id of its own artifact that was last begun


@dataclass(frozen=True, kw_only=True)
class ArtifactRecord:
    """What a study knows of one artifact.

    Attributes:
        artifact_id: Hexadecimal digits and dashes only: the dashboard takes nothing else. It orders a trial's
            artifacts and names its trial, see `Artifacts.write`.
        filename: Its name for people.
        mimetype: Such as `image/png`.
        encoding: None; Optuna's records have the field.
    """

    artifact_id: str
    filename: str
    mimetype: str
    encoding: str | None = None


class Artifacts:
    """The artifacts of one study's trials.

    Bytes are written before their record: what dies in between leaves a file that `orphans` finds, not a record of
    nothing. Optuna's own `upload_artifact` does it the other way round.

    Args:
        folder: The folder of all artifacts of one store.
        study_name: The study.
    """

    def __init__(self, folder: Path, study_name: str) -> None:
        self._folder = folder
        self._study = study_key(study_name)

    def write(self, number: int, order: int, filename: str, mimetype: str, content: bytes) -> ArtifactRecord:
        """Write a file; a trial has it only once `record` was called.

        Args:
            number: The trial's number.
            order: From 0; the dashboard's gallery shows the same place of every trial.
            filename: Its name for people.
            mimetype: Such as `image/png`.
            content: The bytes.

        Raises:
            OSError: If it cannot be written.
        """
        return self._write(self._new_id(number, order), filename, mimetype, content)

    def write_of_study(
        self, study: "optuna.Study", order: int, filename: str, mimetype: str, content: bytes
    ) -> ArtifactRecord:
        """Likewise for a file of the study itself, which has it once `record_of_study` was called.

        The caller holds the study's lock until then: one is under way at a time, and is no orphan before the next is.
        """
        artifact_id = self._new_id(NO_TRIAL, order)
        # Before there is a file. The lock alone would not do: it is held while a place takes the copy, and whoever
        # looks for orphans, a worker that leaves among them, would have to wait for that.
        study._storage.set_study_system_attr(study._study_id, UNDER_WAY, artifact_id)
        return self._write(artifact_id, filename, mimetype, content)

    def path(self, artifact_id: str) -> Path:
        """The file of an artifact."""
        return self._folder / artifact_id

    def size(self) -> int:
        """Bytes of all files of the study."""
        marked = f"-{self._study}-"
        with suppress(FileNotFoundError), os.scandir(self._folder) as entries:  # many files: no pattern, no Path
            return sum(entry.stat().st_size for entry in entries if marked in entry.name)
        return 0

    def missing(self, trial: "optuna.trial.FrozenTrial") -> list[ArtifactRecord]:
        """Records of a trial whose file is gone."""
        return [record for record in records_of(trial) if not self.path(record.artifact_id).is_file()]

    def orphans(self, study: "optuna.Study") -> list[Path]:
        """Files of the study that nobody has; a running trial's may get their record yet."""
        # Listed before the trials are read: what a trial claimed meanwhile writes is not in the list.
        paths = sorted(self._folder.glob(f"*-{self._study}-*"))
        names = unrecorded(study, [path.name for path in paths])
        return [path for path in paths if path.name in names]

    def remove(self, records: Iterable[ArtifactRecord]) -> None:
        """Remove files that no trial took."""
        for each in records:
            self.path(each.artifact_id).unlink(missing_ok=True)

    def delete(self) -> None:
        """Remove every file of the study."""
        for path in self._folder.glob(f"*-{self._study}-*"):
            path.unlink(missing_ok=True)

    def _new_id(self, number: int, order: int) -> str:
        return f"{order:02x}-{self._study}-{number:06x}-{uuid.uuid4().hex[:12]}"

    def _write(self, artifact_id: str, filename: str, mimetype: str, content: bytes) -> ArtifactRecord:
        self._folder.mkdir(parents=True, exist_ok=True)
        # As Optuna's file system store does it, which takes a quarter of a second to import, and boto3 with it.
        self.path(artifact_id).write_bytes(content)
        return ArtifactRecord(artifact_id=artifact_id, filename=filename, mimetype=mimetype)


def artifacts_folder(home: Path, location: Location) -> Path:
    """The folder of a store's artifacts, apart for each store that is used with this home."""
    key = location.key_in(home)
    return home.absolute() / "artifacts" / f"@{key}" if key else home.absolute() / "artifacts"


def of_gone_studies(paths: Iterable[Path], study_names: Iterable[str]) -> list[Path]:
    """Those of `paths` that were written for studies of other names; what other tools uploaded is left out.

    Args:
        paths: Files of one store's artifacts folder.
        study_names: All studies of that store.
    """
    known = {study_key(name) for name in study_names}
    named = [(path, OURS.fullmatch(path.name)) for path in paths]
    return [path for path, ours in named if ours is not None and ours["study"] not in known]


def unrecorded(study: "optuna.Study", names: Iterable[str]) -> set[str]:
    """Those of a study's artifacts that nobody has or may get yet: no finished or running trial, and not the study.

    Args:
        study: The study.
        names: Artifact ids, listed before this is asked.
    """
    trials = study.get_trials(deepcopy=False)
    known = {record.artifact_id for trial in trials for record in records_of(trial)}
    # Read once: what is under way in one answer may be recorded, and another one under way, in the next.
    of_study = study._storage.get_study_system_attrs(study._study_id)
    known |= {record.artifact_id for record in _records(of_study)}
    if UNDER_WAY in of_study:
        known.add(of_study[UNDER_WAY])
    running = {f"{trial.number:06x}" for trial in trials if not trial.state.is_finished()}
    return {name for name in names if name not in known and name.split("-")[2] not in running}


def record(trial: "optuna.Trial", records: Iterable[ArtifactRecord]) -> None:
    """Write into a running trial which artifacts it has."""
    for each in records:
        trial.storage.set_trial_system_attr(trial._trial_id, PREFIX + each.artifact_id, json.dumps(asdict(each)))


def records_of(trial: "optuna.trial.FrozenTrial") -> list[ArtifactRecord]:
    """The artifacts of a trial in their order; those that other tools attached come as they sort."""
    return _records(trial.system_attrs)


def record_of_study(study: "optuna.Study", record: ArtifactRecord) -> None:
    """Write into a study that it has an artifact of its own."""
    study._storage.set_study_system_attr(study._study_id, PREFIX + record.artifact_id, json.dumps(asdict(record)))


def records_of_study(study: "optuna.Study") -> list[ArtifactRecord]:
    """The artifacts of a study itself, in their order."""
    return _records(study._storage.get_study_system_attrs(study._study_id))


def _records(attributes: Mapping[str, Any]) -> list[ArtifactRecord]:
    found = [json.loads(value) for key, value in attributes.items() if key.startswith(PREFIX)]
    records = [ArtifactRecord(**each) for each in found if each is not None]  # None: removed in the dashboard
    return sorted(records, key=lambda each: each.artifact_id)


def study_key(study_name: str) -> str:
    """What stands for a study in the ids of its artifacts: eight hexadecimal digits."""
    return hashlib.sha256(study_name.encode()).hexdigest()[:8]
