"""Trained weights as a file, and back into a network: arrays by variable path, a frozen backbone left out."""

import zipfile
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from sweep.errors import WorldError
from sweep.messages import Job
from sweep.trainer.best_epoch import trained_variables
from sweep.trainer.checkpoints import write_arrays

MOST_NAMED = 5  # variables that one message names
RANDOM_STATE = "seed_generator_state"  # of dropout; its path counts the networks that a process built


class WeightsError(WorldError):
    """A file whose weights do not go into the network; the message names those that do not."""


def write_weights(model: keras.Model, job: Job) -> None:
    """Write what was trained, by the variables' paths in the float32 network; a frozen backbone is left out.

    Where the disk is limited, the worker removes the study's worst weights afterwards: theirs is room for these.
    """
    going = [job.checkpoint, *([] if job.resume_from is None else [job.resume_from])]
    going += job.weights.parent.glob("[!.]*")  # not what is being written
    arrays = {variable.path: np.asarray(variable) for variable in trained_variables(model)}
    write_arrays(job.weights, arrays, disk_limit=job.disk_limit, going=going)


def read_weights(model: keras.Model, path: Path) -> None:
    """Put the weights of a file that `write_weights` wrote into a network of the same plan.

    Random states stay as they are: they matter to training alone.

    Args:
        model: In float32, whatever the weights were trained in. Its frozen backbone stays as it is.
        path: The file.

    Raises:
        WeightsError: If the file cannot be read, or does not fit; nothing was changed then.
    """
    try:
        # Opened here: NumPy leaves a damaged file open.
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if not name.endswith(RANDOM_STATE)}
    except OSError as error:
        raise WeightsError(f"The weights {path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise WeightsError(f"The weights {path} are damaged: {error}") from error
    variables = {each.path: each for each in trained_variables(model) if not each.path.endswith(RANDOM_STATE)}
    problems = [
        *_named("missing", variables.keys() - arrays.keys()),
        *_named("not in the network", arrays.keys() - variables.keys()),
        *_named(
            "of another shape",
            (
                f"{name} {arrays[name].shape}, expected {tuple(variable.shape)}"
                for name, variable in variables.items()
                if name in arrays and arrays[name].shape != tuple(variable.shape)
            ),
        ),
        *_named("not finite", (name for name, array in arrays.items() if not np.isfinite(array).all())),
    ]
    if problems:
        raise WeightsError(f"The weights {path} do not fit the network: {'; '.join(problems)}.")
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _named(what: str, names: Iterable[str]) -> list[str]:
    found = sorted(names)
    if not found:
        return []
    more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
    return [f"{what}: {', '.join(found[:MOST_NAMED])}{more}"]
