"""Load the images that a data reference names."""

import difflib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from sweep.data.digits import read_digits
from sweep.data.fashion_mnist import Sources, read_fashion_mnist
from sweep.data.folder import read_folder
from sweep.data.images import SMALLEST_SIDE, convert_images, target_size
from sweep.data.npz import read_npz
from sweep.data.source import DataError, Images, Labels, SourceData

__all__ = ["NAMES", "DataError", "DataReference", "Dataset", "Sources", "load_dataset"]

FASHION_MNIST: Final = "fashion-mnist"
DIGITS: Final = "digits"
NAMES: Final = (FASHION_MNIST, DIGITS)


@dataclass(frozen=True, kw_only=True)
class DataReference:
    """Which images, and how they are wanted; it travels to another process, which loads them itself.

    Attributes:
        name: "fashion-mnist" (default), "digits", or the path of an .npz file or of a folder of class
            folders. A folder that is called like one of the names is written with a slash: "./digits".
        data_dir: Folder that alone is searched for Fashion-MNIST's files; None (default): the usual places.
            Other data sets ignore it.
        cache_dir: Folder that downloads are kept in; made when something is downloaded.
        image_size: Side in pixels of the square that images are resized to, at least 28. None (default): as
            they are, sides below 28 enlarged to 28.
        color: Three channels instead of one; default False.
    """

    name: str = FASHION_MNIST
    data_dir: Path | None = None
    cache_dir: Path
    image_size: int | None = None
    color: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Images in memory, read-only, in the size and colour asked for.

    Attributes:
        name: The reference's name.
        labels: Names of the classes; the class index is the position.
        x_train: uint8, 0…255, shape (n, height, width, channels).
        y_train: Class indices, int64, shape (n,).
        x_test: As `x_train`.
        y_test: As `y_train`.
        sha256: Over the shapes and bytes of the four arrays: equal hashes mean equal images, wherever found.
        source: Where the images were found, for people.
    """

    name: str
    labels: tuple[str, ...]
    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    sha256: str
    source: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of every image."""
        _, height, width, channels = self.x_train.shape
        return height, width, channels

    @property
    def mirrored(self) -> bool:
        """Whether an image's mirror image shows the same class, as far as is known: people's own images may differ."""
        return self.name != DIGITS

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)


def load_dataset(reference: DataReference, *, download: bool = True, sources: Sources | None = None) -> Dataset:
    """Load the images that `reference` names.

    Args:
        reference: Which images, and how they are wanted.
        download: Whether Fashion-MNIST may be fetched from the network; default True. False looks only at
            this host's folders.
        sources: Where Fashion-MNIST may be found; None (default): the usual places.

    Raises:
        DataError: If the images cannot be found, read or used; the message says why and what to do.
    """
    if reference.image_size is not None and reference.image_size < SMALLEST_SIDE:
        raise DataError(
            "--image-size is too small: the deeper networks would have no pixel left. "
            f"Expected at least {SMALLEST_SIDE}. Received: {reference.image_size}. "
            "Leave the option out, or pass more."
        )
    found = _read(reference, download=download, sources=sources)
    _, height, width, _ = found.x_train.shape
    size = target_size(height, width, reference.image_size)
    x_train = convert_images(found.x_train, size=size, color=reference.color)
    x_test = convert_images(found.x_test, size=size, color=reference.color)
    arrays = (x_train, found.y_train, x_test, found.y_test)
    for array in arrays:
        array.setflags(write=False)  # one copy may serve many trials
    return Dataset(
        name=reference.name,
        labels=found.labels,
        x_train=x_train,
        y_train=found.y_train,
        x_test=x_test,
        y_test=found.y_test,
        sha256=_hash(arrays),
        source=found.found,
    )


def _read(reference: DataReference, *, download: bool, sources: Sources | None) -> SourceData:
    if reference.name == FASHION_MNIST:
        return read_fashion_mnist(
            data_dir=reference.data_dir, cache_dir=reference.cache_dir, download=download, sources=sources
        )
    if reference.name == DIGITS:
        return read_digits()
    path = Path(reference.name).expanduser()
    if reference.name and path.is_dir():
        return read_folder(path, image_size=reference.image_size, color=reference.color)
    if path.is_file() or path.suffix == ".npz":
        return read_npz(path)
    raise DataError(_unknown(reference.name))


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name.lower(), NAMES, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    place = Path(name).expanduser().absolute() if name else "of that path"  # a study's may be relative, made elsewhere
    return (
        f"No data set named {name!r}, and no file or folder {place}.{hint} --dataset takes "
        f"{' or '.join(repr(known) for known in NAMES)}, the path of an .npz file with the arrays "
        "x_train, y_train, x_test and y_test, or the path of a folder with one folder of images per class. Of a "
        "study whose images were moved, it takes their new place."
    )


def _hash(arrays: tuple[Images | Labels, ...]) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(repr(tuple(map(int, array.shape))).encode())
        digest.update(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
