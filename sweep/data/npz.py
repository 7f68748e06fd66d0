"""Read and check a user's .npz file of images."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sweep.data.images import require_memory
from sweep.data.source import DataError, Images, Labels, SourceData

_ARRAYS: Final = ("x_train", "y_train", "x_test", "y_test")
_HOW_TO_SAVE: Final = "Save it with np.savez_compressed(path, x_train=…, y_train=…, x_test=…, y_test=…)."
# What zipfile and numpy raise on truncated, altered, encrypted or pickled content.
_DAMAGE: Final = (OSError, ValueError, EOFError, MemoryError, RuntimeError, zipfile.BadZipFile, zlib.error)


def read_npz(path: Path) -> SourceData:
    """Read images from an .npz file; nothing pickled is loaded.

    Args:
        path: File with `x_train` and `x_test`: integers 0…255, shape (n, height, width),
            (n, height, width, 1) or (n, height, width, 3); and `y_train` and `y_test`: integers 0…k-1,
            shape (n,).

    Returns:
        The images; classes are called by their index.

    Raises:
        DataError: If the file or one of its arrays is not that.
    """
    arrays = _load(path)
    x_train = _images(path, "x_train", arrays["x_train"])
    x_test = _images(path, "x_test", arrays["x_test"])
    if x_train.shape[1:] != x_test.shape[1:]:
        raise DataError(
            f"{path}: x_train and x_test hold images of different shapes. Expected one shape. "
            f"Received: {x_train.shape[1:]} and {x_test.shape[1:]}. Resize one of them."
        )
    y_train = _labels(path, "y_train", arrays["y_train"], len(x_train))
    y_test = _labels(path, "y_test", arrays["y_test"], len(x_test))
    classes = _count_classes(path, y_train, y_test)
    return SourceData(
        labels=tuple(map(str, range(classes))),
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        found=str(path),
    )


def _load(path: Path) -> dict[str, npt.NDArray[Any]]:
    if not path.is_file():
        raise DataError(
            f"No file {path.absolute()}. Expected an .npz file. Check the path given to --dataset; of a study whose "
            "images were moved, it takes their new place."
        )
    try:
        with path.open("rb") as file:
            if not zipfile.is_zipfile(file):
                raise DataError(
                    f"{path} is not an .npz file, or its end is missing. Expected a zip archive of arrays. "
                    f"Received: {path.stat().st_size} bytes that are none. {_HOW_TO_SAVE}"
                )
            file.seek(0)
            with zipfile.ZipFile(file) as archive:
                members = {member.filename.removesuffix(".npy"): member.file_size for member in archive.infolist()}
                archive_names = sorted(members)
            missing = [name for name in _ARRAYS if name not in members]
            if missing:
                raise DataError(
                    f"{path} lacks {', '.join(missing)}. Expected the arrays {', '.join(_ARRAYS)}. "
                    f"Received: {', '.join(archive_names) or 'an empty archive'}. {_HOW_TO_SAVE}"
                )
            require_memory(sum(members[name] for name in _ARRAYS))
            file.seek(0)
            with np.load(file, allow_pickle=False) as opened:
                return {name: np.asarray(opened[name]) for name in _ARRAYS}
    except _DAMAGE as error:
        raise DataError(
            f"{path} cannot be read: {error}. "
            f"Expected arrays of numbers (nothing pickled) in a sound archive. {_HOW_TO_SAVE}"
        ) from error


def _images(path: Path, name: str, array: npt.NDArray[Any]) -> Images:
    if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[3] not in (1, 3)):
        raise DataError(
            f"{path}: {name} has the wrong dimensions. Expected (n, height, width), (n, height, width, 1) or "
            f"(n, height, width, 3). Received: {array.shape}. Reshape it."
        )
    if array.size == 0:
        raise DataError(f"{path}: {name} is empty. Expected at least one image. Received: {array.shape}.")
    if array.dtype.kind in "fb":
        raise DataError(
            f"{path}: {name} does not hold bytes. Expected uint8, 0…255. Received: {array.dtype}. "
            f"Convert values of 0…1 with np.rint({name} * 255.0).astype('uint8')."
        )
    if array.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name} does not hold numbers. Expected uint8, 0…255. Received: {array.dtype}. "
            f"Convert it with {name}.astype('uint8')."
        )
    if array.dtype != np.uint8 and (array.min() < 0 or array.max() > 255):
        raise DataError(
            f"{path}: {name} has values that are no bytes. Expected 0…255. "
            f"Received: {array.min()}…{array.max()}. Scale it to 0…255."
        )
    images = array.astype(np.uint8, order="C", copy=False)
    return images[..., None] if images.ndim == 3 else images


def _labels(path: Path, name: str, array: npt.NDArray[Any], images: int) -> Labels:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise DataError(
            f"{path}: {name} is not a list of class indices. Expected integers of shape (n,). "
            f"Received: {array.dtype} of shape {array.shape}. "
            f"Convert it with {name}.ravel().astype('int64'), one-hot rows with {name}.argmax(axis=1)."
        )
    if len(array) != images:
        raise DataError(
            f"{path}: {name} has another length than its images. Expected {images} labels. "
            f"Received: {len(array)}. Save images and labels of the same examples."
        )
    return array.astype(np.int64)


def _count_classes(path: Path, y_train: Labels, y_test: Labels) -> int:
    present = np.unique(y_train)
    classes = len(present)
    if present[0] != 0 or present[-1] != classes - 1:
        raise DataError(
            f"{path}: y_train's labels are not numbered without gaps. "
            f"Expected 0 to {classes - 1} for {classes} different labels. Received: {_few(present)}. "
            "Number them with np.unique(y_train, return_inverse=True)[1]."
        )
    if classes == 1:
        raise DataError(f"{path} has a single class. Expected at least 2 classes. Received: only label 0 in y_train.")
    strange = np.setdiff1d(y_test, present)
    if len(strange):
        raise DataError(
            f"{path}: y_test has labels that y_train lacks. Expected labels from 0 to {classes - 1}. "
            f"Received: {_few(strange)}. Remove those test images, or add training images of their classes."
        )
    return classes


def _few(labels: Labels) -> str:
    shown = ", ".join(map(str, labels[:8]))
    return f"{shown}, …" if len(labels) > 8 else shown
