"""Read a folder that holds one folder of images per class."""

from pathlib import Path
from typing import Final

import numpy as np

from sweep.data.images import SUFFIXES, read_image, require_memory
from sweep.data.source import DataError, Images, Labels, SourceData
from sweep.data.strata import divide

_TEST_SHARE: Final = 0.1
_TEST_SEED: Final = 0  # fixed: the test images do not change with a study's seed
_LITTER: Final = ("desktop.ini", "thumbs.db")  # what Windows leaves in folders it has shown
_MOST_NAMED: Final = 10  # unreadable files that one message names


def read_folder(path: Path, *, image_size: int | None, color: bool) -> SourceData:
    """Read images from class folders; a class is called like its folder, in sorted order.

    Args:
        path: Folder with `train/` and `test/`, each of one folder per class, or of class folders directly:
            then 10 % of each class, the same ones every time, are test images. Hidden files are passed over.
        image_size: Side of the square to resize to, in pixels; None: all images must have one size already.
        color: Three channels instead of one.

    Raises:
        DataError: If folders or images are missing, unreadable, or do not fit together.
    """
    size = None if image_size is None else (image_size, image_size)
    halves = [path / name for name in ("train", "test")]
    existing = [half.is_dir() for half in halves]
    if any(existing) and not all(existing):
        raise DataError(
            f"{path} has only one of train/ and test/. Expected both, or class folders directly in {path}. "
            f"Received: {halves[existing.index(True)].name}/. "
            "Add the other one, or move the class folders up."
        )
    if not all(existing):
        labels, files = _list_classes(path)
        images, indices = _read_all(files, size=size, color=color)
        train, test = divide(indices, _TEST_SHARE, seed=_TEST_SEED, purpose="test")
        return SourceData(
            labels=labels,
            x_train=images[train],
            y_train=indices[train],
            x_test=images[test],
            y_test=indices[test],
            found=f"{path} (10 % of it as test images)",
        )
    (labels, train_files), (test_labels, test_files) = (_list_classes(half) for half in halves)
    if labels != test_labels:
        differing = sorted(set(labels) ^ set(test_labels))
        raise DataError(
            f"{path}: train/ and test/ have different classes. Expected the same class folders in both. "
            f"Received: {', '.join(differing)} in only one of them. Add the missing ones, or remove these."
        )
    others = [entry.name for entry in _visible(path) if entry.is_dir() and entry not in halves]
    unread = f"; not read: {', '.join(others)}" if others else ""
    # Read as one: the images of both halves must have one size.
    images, indices = _read_all(train_files + test_files, size=size, color=color)
    border = len(train_files)
    return SourceData(
        labels=labels,
        x_train=images[:border],
        y_train=indices[:border],
        x_test=images[border:],
        y_test=indices[border:],
        found=f"{path} (train/ and test/{unread})",
    )


def _list_classes(folder: Path) -> tuple[tuple[str, ...], list[tuple[Path, int]]]:
    """Return the class names of a folder and its image files, each with its class index."""
    entries = _visible(folder)
    stray = [entry for entry in entries if entry.suffix.lower() in SUFFIXES and entry.is_file()]
    if stray:
        raise DataError(
            f"{stray[0]} stands beside the class folders. "
            "Expected images only inside folders named after their class. "
            f"Received: {len(stray)} without a class. Move them into class folders."
        )
    classes = [entry for entry in entries if entry.is_dir()]
    if len(classes) < 2:
        raise DataError(
            f"{folder} has too few classes. Expected at least 2 folders, one per class. "
            f"Received: {', '.join(entry.name for entry in classes) or 'none'}. "
            "Add a folder of images per class."
        )
    files: list[tuple[Path, int]] = []
    for index, class_folder in enumerate(classes):
        images = _visible(class_folder)
        if not images:
            raise DataError(
                f"The class folder {class_folder} is empty. Expected at least one image. "
                "Add images of the class, or remove the folder."
            )
        for image in images:
            if image.suffix.lower() not in SUFFIXES or not image.is_file():
                raise DataError(
                    f"{image} is not an image. Expected only files that end in {', '.join(SUFFIXES)}. "
                    f"Received: {'a folder' if image.is_dir() else image.suffix or 'no ending'}. "
                    "Remove it from the class folder, or convert it."
                )
            files.append((image, index))
    return tuple(entry.name for entry in classes), files


def _visible(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"The folder {folder} cannot be read: {error.strerror}. Check its permissions.") from error
    return [entry for entry in entries if not entry.name.startswith(".") and entry.name.lower() not in _LITTER]


def _read_all(files: list[tuple[Path, int]], *, size: tuple[int, int] | None, color: bool) -> tuple[Images, Labels]:
    """Read every file, in order, into one array; the unreadable ones are named together."""
    images: Images | None = None
    wanted, first = size, files[0][0]
    complaints: list[str] = []
    for position, (path, _) in enumerate(files):
        try:
            pixels = read_image(path, size=size, color=color)
        except DataError as error:
            complaints.append(str(error))
            continue
        if images is None:
            first, wanted = path, pixels.shape[:2]
            require_memory(len(files) * pixels.size)
            images = np.empty((len(files), *pixels.shape), dtype=np.uint8)
        if pixels.shape[:2] != wanted:
            raise DataError(
                f"The images differ in size: {first} is {images.shape[2]} x {images.shape[1]}, {path} is "
                f"{pixels.shape[1]} x {pixels.shape[0]} pixels. Expected one size. "
                "Pass --image-size to make them all square and of one size."
            )
        images[position] = pixels
    if complaints or images is None:
        more = len(complaints) - _MOST_NAMED
        rest = [f"… and {more} more files like these."] if more > 0 else []
        raise DataError("\n".join(complaints[:_MOST_NAMED] + rest))
    return images, np.array([index for _, index in files], dtype=np.int64)
