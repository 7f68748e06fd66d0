"""Having an exported folder prove itself, in a process that knows only the folder and the data set."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sweep.data.dataset import NAMES, DataReference
from sweep.environment import computing_environment
from sweep.errors import WorldError

PROOF_MODULE: Final = "sweep.model.proof"
PROOF_SECONDS: Final = 3600.0  # the full score of the largest backbone on processors takes most of it
_SHOWN_LINES: Final = 15  # of what a process said that ended without an answer


class ProofError(WorldError):
    """The folder does not do what it says, or could not be asked."""


@dataclass(frozen=True, kw_only=True)
class FormatProof:
    """What one format made of the images of proof.npz.

    Attributes:
        checked: Whether it was run at all; its package may be missing here.
        images: Images it was run on.
        difference: Largest difference of a probability from the expected one; None if it was not run.
        note: Why it was not checked, and the way out; None if it was.
    """

    checked: bool
    images: int
    difference: float | None
    note: str | None


@dataclass(frozen=True, kw_only=True)
class PartScore:
    """The score of one part of the data, measured again.

    Attributes:
        images: Its images.
        accuracy: Share of images whose class was predicted.
        cross_entropy: In nats.
        near_ties: Images whose two best probabilities are so close that rounding may decide.
        loss: Cross-entropy plus the L2 penalty.
        confusion_matrix: Images by true class (rows) and predicted class (columns).
    """

    images: int
    accuracy: float
    cross_entropy: float
    near_ties: int
    loss: float
    confusion_matrix: Sequence[Sequence[int]]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What a folder proved.

    Attributes:
        formats: By name: keras, saved_model, onnx, litert; those that are there.
        score: By part, "validation" and "test" as far as metrics.json has them; None if it was not repeated.
        source: Where the images of the score were found; None if it was not repeated.
        not_repeated: Why the score was not repeated; None if it was.
        problems: What differs beyond rounding, for people; empty if the proof holds.
    """

    formats: Mapping[str, FormatProof]
    score: Mapping[str, PartScore] | None
    source: str | None
    not_repeated: str | None
    problems: tuple[str, ...]


def prove(
    folder: Path,
    *,
    data: DataReference | None,
    data_required: bool = False,
    measure_missing: bool = False,
    timeout_seconds: float = PROOF_SECONDS,
) -> Proof:
    """Have a folder prove itself, and raise if it does not.

    The files' hashes are not looked at: see `sweep.model.manifest`.

    Args:
        folder: An exported folder; it may still have its draft's name and no manifest.
        data: Where to find the images of the full score, searched on this host only; None: not repeated.
        data_required: Whether data that cannot be had, or is other data, is an error. Default: False, the score
            then is not repeated.
        measure_missing: Whether parts of metrics.json that have no figures yet are measured for the first time, for an
            export that is still under way. Default: False, figures that are missing are a problem.
        timeout_seconds: The process is ended after so long. Default: an hour.

    Raises:
        ProofError: If something differs beyond rounding, or the process ended without an answer.
    """
    proof = examine(
        folder, data=data, data_required=data_required, measure_missing=measure_missing, timeout_seconds=timeout_seconds
    )
    if proof.problems:
        lines = "\n".join(f"  {problem}" for problem in proof.problems)
        raise ProofError(f"{folder} does not do what it says:\n{lines}")
    return proof


def examine(
    folder: Path,
    *,
    data: DataReference | None,
    data_required: bool = False,
    measure_missing: bool = False,
    timeout_seconds: float = PROOF_SECONDS,
) -> Proof:
    """As `prove`, but what differs is returned in `problems` instead of raised.

    Raises:
        ProofError: If the process ended without an answer.
    """
    request = {
        "folder": str(folder.resolve()),
        "data": None if data is None else _plain(data),
        "data_required": data_required,
        "measure_missing": measure_missing,
    }
    try:
        # -P: a keras.py in the working directory is none of ours.
        ended = subprocess.run(
            [sys.executable, "-P", "-m", PROOF_MODULE],
            input=json.dumps(request),
            env=_environment(),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProofError(
            f"The proof of {folder} took more than {timeout_seconds:.0f} seconds and was ended."
        ) from error
    if ended.returncode != 0:
        raise ProofError(f"The proof of {folder} {_end_of(ended)}")
    answer = json.loads(ended.stdout)
    score = answer["score"]
    return Proof(
        formats={name: FormatProof(**proof) for name, proof in answer["formats"].items()},
        score=None if score is None else {name: PartScore(**part) for name, part in score.items()},
        source=answer["source"],
        not_repeated=answer["not_repeated"],
        problems=tuple(answer["problems"]),
    )


def reference_of(folder: Path, *, dataset: str | None, data_dir: Path | None, cache_dir: Path) -> DataReference:
    """Where the images of a folder's score are looked for.

    Args:
        folder: An exported folder whose hashes were checked.
        dataset: The data set instead of the one that config.json names; None: that one.
        data_dir: Folder that alone is searched for Fashion-MNIST's files; None: the usual places.
        cache_dir: Folder that downloads are kept in.

    Raises:
        ProofError: If config.json does not say it.
    """
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))["data"]
        height, width, channels = data["image_shape"]
        return DataReference(
            name=dataset or data["dataset"],
            data_dir=data_dir,
            cache_dir=cache_dir,
            # Squares are asked for by their size: images that have it already are left alone.
            image_size=height if height == width else None,
            color=channels == 3,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ProofError(f"config.json in {folder} does not say which data the score is of: {error!r}.") from error


def _plain(data: DataReference) -> dict[str, Any]:
    """The reference as JSON, with paths that do not depend on the working directory."""
    name = data.name if data.name in NAMES else str(Path(data.name).expanduser().resolve())
    paths = {
        key: None if path is None else str(path.resolve())
        for key, path in (("data_dir", data.data_dir), ("cache_dir", data.cache_dir))
    }
    return {"name": name, "image_size": data.image_size, "color": data.color, **paths}


def _environment() -> dict[str, str]:
    """TensorFlow, for SavedModel is its own; quiet; without secrets, and without settings that change results."""
    variables = computing_environment()
    variables.pop("NVIDIA_TF32_OVERRIDE", None)
    return variables | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}


def _end_of(ended: "subprocess.CompletedProcess[str]") -> str:
    """How a process ended that gave no answer, for people."""
    lines = ended.stderr.strip().splitlines()
    last = lines[-1] if lines else ""
    if last.startswith("ModuleNotFoundError") and "tensorflow" in last:
        return "needs TensorFlow, which is not installed here: pip install tensorflow"
    code = ended.returncode
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    way_out = " (9 often means: out of memory)" if code == -9 else ""
    return "\n  ".join([f"{how}{way_out}; it said last:", *lines[-_SHOWN_LINES:]])
