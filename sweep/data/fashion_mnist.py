"""Find Fashion-MNIST on this host, or fetch it."""

import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import numpy.typing as npt

from sweep.data.debian import PackageError, unpack_package
from sweep.data.idx import DamagedFileError, IdxFile, read_idx
from sweep.data.source import DataError, SourceData
from sweep.download import DownloadError, download, exclusive
from sweep.environment import keras_home

logger = logging.getLogger(__name__)

LABELS: Final = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
# SHA-256 of the uncompressed files; Keras's and Debian's agree in them.
FILES: Final = (
    IdxFile(
        name="train-images-idx3-ubyte",
        shape=(60_000, 28, 28),
        sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    IdxFile(
        name="train-labels-idx1-ubyte",
        shape=(60_000,),
        sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    IdxFile(
        name="t10k-images-idx3-ubyte",
        shape=(10_000, 28, 28),
        sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    IdxFile(
        name="t10k-labels-idx1-ubyte",
        shape=(10_000,),
        sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
PACKAGE: Final = "dataset-fashion-mnist"
_PACKAGE_FOLDER: Final = Path("usr/share/datasets/fashion-mnist")
_FOLDER: Final = "fashion-mnist"  # in our cache and in Keras's


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where Fashion-MNIST may be found.

    Attributes:
        system_dir: Where the package of Debian and Ubuntu puts it.
        keras_dir: Where `keras.datasets.fashion_mnist` keeps it.
        url: What the files' names, with ".gz", are appended to: the address that Keras downloads from.
        apt_get: Path of apt-get; None where there is none.
        dpkg_deb: Path of dpkg-deb; None where there is none.
        files: Training images, training labels, test images, test labels.
    """

    system_dir: Path = Path("/") / _PACKAGE_FOLDER
    keras_dir: Path = field(default_factory=lambda: keras_home() / "datasets" / _FOLDER)
    url: str = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
    apt_get: str | None = field(default_factory=lambda: shutil.which("apt-get"))
    dpkg_deb: str | None = field(default_factory=lambda: shutil.which("dpkg-deb"))
    files: tuple[IdxFile, IdxFile, IdxFile, IdxFile] = FILES


def read_fashion_mnist(
    *, data_dir: Path | None, cache_dir: Path, download: bool = True, sources: Sources | None = None
) -> SourceData:
    """Read Fashion-MNIST from the first place that has it, and check every file.

    Args:
        data_dir: The only folder to search; None: the system's folder, our cache, Keras's cache, the network.
        cache_dir: Our cache; the files go into its folder "fashion-mnist".
        download: Whether the network may be asked; default True.
        sources: The places; None (default): the usual ones.

    Returns:
        60,000 training and 10,000 test images, 28 x 28 pixels, one channel.

    Raises:
        DataError: If no place has it, or if `data_dir` lacks a file or has an altered one. An altered file
            elsewhere is passed over with a warning, and named if nothing better is found.
    """
    sources = sources or Sources()
    if data_dir is not None:
        return _read_data_dir(data_dir, sources.files)
    cached = cache_dir / _FOLDER
    tried: list[str] = []
    for folder in (sources.system_dir, cached, sources.keras_dir):
        try:
            return _read_folder(folder, sources.files)
        except DamagedFileError as error:
            logger.warning("%s The file is passed over.", error)
            tried.append(str(error))
        except DataError as error:
            tried.append(f"{folder}: {error}")
    if download:
        try:
            fetched = _fill_cache(cached, sources, tried)
        except DownloadError as error:
            tried.append(str(error))
        else:
            if fetched is not None:
                return fetched
    else:
        tried.append("the network: not asked, only this host's folders were to be searched")
    raise DataError(_not_found(tried, sources, cached))


def _read_data_dir(folder: Path, files: Sequence[IdxFile]) -> SourceData:
    """Read the one folder that the user named: whatever is wrong there is final."""
    try:
        return _read_folder(folder, files)
    except DamagedFileError as error:
        raise DataError(
            f"{error} Replace the file by a sound copy, or leave --data-dir out to search the usual places."
        ) from error
    except DataError as error:
        raise DataError(
            f"Fashion-MNIST is not in --data-dir {folder}: {error}. Expected there: {_names(files)}. "
            "Put the files there, or leave the option out to search the usual places."
        ) from error


def _fill_cache(cached: Path, sources: Sources, tried: list[str]) -> SourceData | None:
    """Fetch the files into our cache by whichever way works; note in `tried` those that do not.

    Raises:
        DownloadError: If the cache cannot be written to.
    """
    with exclusive(cached):
        try:
            return _read_folder(cached, sources.files)  # another process was faster
        except DataError:
            pass
        for fetch in (_fetch_files, _fetch_package):
            try:
                fetch(cached, sources)
                return _read_folder(cached, sources.files)
            except (DataError, DownloadError, PackageError) as error:
                tried.append(str(error))
    return None


def _fetch_files(cached: Path, sources: Sources) -> None:
    for file in sources.files:
        download(
            f"{sources.url}{file.name}.gz",
            cached / f"{file.name}.gz",
            check=partial(_complaint, file=file),
        )


def _fetch_package(cached: Path, sources: Sources) -> None:
    if sources.apt_get is None or sources.dpkg_deb is None:
        raise PackageError(f"apt-get download {PACKAGE}: this host has no apt-get")
    try:
        cached.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".package-", dir=cached) as name:
            unpack_package(PACKAGE, Path(name), apt_get=sources.apt_get, dpkg_deb=sources.dpkg_deb)
            for file in sources.files:
                unpacked = _find(Path(name) / _PACKAGE_FOLDER, file)
                if unpacked:
                    unpacked[0].replace(cached / unpacked[0].name)
    except (PackageError, OSError) as error:
        raise PackageError(f"apt-get download {PACKAGE}: {error}") from error


def _read_folder(folder: Path, files: Sequence[IdxFile]) -> SourceData:
    """Read the four files of a folder.

    Raises:
        DamagedFileError: If one is there, but is not the one expected.
        DataError: If one is not there; the message is only the reason.
    """
    if not folder.is_dir():
        raise DataError("no such folder")
    missing = [file for file in files if not _find(folder, file)]
    if missing:
        raise DataError(f"has no {_names(missing)}")
    x_train, y_train, x_test, y_test = (_read_first_sound(_find(folder, file), file) for file in files)
    return SourceData(
        labels=LABELS,
        x_train=x_train[..., None],
        y_train=y_train.astype(np.int64),
        x_test=x_test[..., None],
        y_test=y_test.astype(np.int64),
        found=str(folder),
    )


def _read_first_sound(paths: Sequence[Path], file: IdxFile) -> npt.NDArray[np.uint8]:
    """Read a file that may lie there compressed and not: a damaged copy does not hide a sound one."""
    *others, last = paths
    for path in others:
        try:
            return read_idx(path, file)
        except DamagedFileError as error:
            logger.warning("%s The file is passed over.", error)
    return read_idx(last, file)


def _find(folder: Path, file: IdxFile) -> list[Path]:
    return [path for path in (folder / name for name in file.names) if path.is_file()]


def _complaint(path: Path, file: IdxFile) -> str | None:
    try:
        read_idx(path, file)
    except DamagedFileError as error:
        return str(error)
    return None


def _names(files: Sequence[IdxFile]) -> str:
    return ", ".join(file.names[0] for file in files) + " (with or without .gz)"


def _not_found(tried: Sequence[str], sources: Sources, cached: Path) -> str:
    names, package = _names(sources.files), PACKAGE
    places = "".join(f"  - {place}\n" for place in tried)
    return (
        f"Fashion-MNIST was not found. Tried, in this order:\n{places}"
        "Ways to get it:\n"
        f"  - on Debian or Ubuntu, as root: apt-get install {package}\n"
        f"  - on a host with a network: download {names} from {sources.url},\n"
        f"    copy them into {cached} here, or into any folder and pass it as --data-dir\n"
        "  - on a host where Keras has it: copy the files of ~/.keras/datasets/fashion-mnist likewise\n"
        "For a first look without it: --dataset digits"
    )
