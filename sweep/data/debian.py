"""Fetch a Debian package and unpack it, without root and without installing anything."""

import logging
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

logger = logging.getLogger(__name__)

_LISTS_TIMEOUT_SECONDS: Final = 120.0
_PACKAGE_TIMEOUT_SECONDS: Final = 600.0
_UNPACK_TIMEOUT_SECONDS: Final = 120.0
_STALL_SECONDS: Final = 10  # apt's own default lets a silent host take minutes


class PackageError(Exception):
    """A package could not be fetched or unpacked; the message holds what the tool said."""


def unpack_package(package: str, into: Path, *, apt_get: str, dpkg_deb: str) -> None:
    """Download a package from the host's own Debian or Ubuntu sources and unpack it.

    The package lists are fetched into a folder of ours: a fresh machine has none, and those of the system are
    root's.

    Args:
        package: Name of the package.
        into: Folder that the package's files are unpacked into, below their own folders; it exists.
        apt_get: Path of the program apt-get.
        dpkg_deb: Path of the program dpkg-deb.

    Raises:
        PackageError: If a tool fails or takes too long, or if `into` cannot be written to.
    """
    try:
        with TemporaryDirectory(prefix=".apt-", dir=into) as name:
            # apt takes a relative folder for one below /, and dpkg-deb runs in a folder of its own.
            folder, into = Path(name).resolve(), into.resolve()
            lists, cache = folder / "lists", folder / "cache"
            (lists / "partial").mkdir(parents=True)
            (cache / "archives" / "partial").mkdir(parents=True)
            apt = [apt_get, "-q", "-o", f"Dir::State::Lists={lists}", "-o", f"Dir::Cache={cache}"]
            for scheme in ("http", "https"):
                apt += ["-o", f"Acquire::{scheme}::Timeout={_STALL_SECONDS}"]
            apt += ["-o", "Acquire::Retries=0"]
            logger.info("Downloading the package %s with apt-get", package)
            try:
                _run([*apt, "update"], folder, _LISTS_TIMEOUT_SECONDS)
            except PackageError as error:
                # One broken source of several fails the update; another one's lists may name the package.
                lists_complaint = f" (the package lists: {error})"
            else:
                lists_complaint = ""
            try:
                _run([*apt, "download", package], folder, _PACKAGE_TIMEOUT_SECONDS)
            except PackageError as error:
                raise PackageError(f"{error}{lists_complaint}") from error
            archives = sorted(folder.glob("*.deb"))
            if not archives:
                raise PackageError("apt-get download left no package")
            _run([dpkg_deb, "-x", str(archives[0]), str(into)], folder, _UNPACK_TIMEOUT_SECONDS)
    except OSError as error:
        raise PackageError(str(error)) from error


def _run(command: list[str], folder: Path, timeout_seconds: float) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=timeout_seconds,
            text=True,
            errors="replace",
        )
    except subprocess.TimeoutExpired as error:
        raise PackageError(f"{Path(command[0]).name} took longer than {timeout_seconds:.0f} seconds") from error
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stdout.splitlines() if line.startswith(("E:", "Err:", "dpkg"))]
        text = " ".join(said[-3:]) or "without a message"
        raise PackageError(f"{Path(command[0]).name} failed with exit code {error.returncode}: {text}") from error
