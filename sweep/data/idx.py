"""Read an IDX file, the format of the MNIST family, and check that it is the very one expected."""

import gzip
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from sweep.data.source import DataError

_GZIP_MAGIC: Final = b"\x1f\x8b"


class DamagedFileError(DataError):
    """A file is there, but it is not the one expected."""


@dataclass(frozen=True, kw_only=True)
class IdxFile:
    """A file of unsigned bytes that is known in advance.

    Attributes:
        name: File name without the ".gz" it may have.
        shape: Of the array in it.
        sha256: Of the uncompressed file, since gzip's headers differ between those who compressed it.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def names(self) -> tuple[str, str]:
        """The names it may have in a folder."""
        return f"{self.name}.gz", self.name


def read_idx(path: Path, expected: IdxFile) -> npt.NDArray[np.uint8]:
    """Read an IDX file, compressed or not, whatever its name says.

    Returns:
        uint8, read-only, of the expected shape.

    Raises:
        DamagedFileError: If the file cannot be read or decompressed, or if its content is another.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP_MAGIC):
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(
            f"{path} cannot be read or decompressed: {error}. Expected SHA-256 {expected.sha256} uncompressed."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != expected.sha256:
        raise DamagedFileError(
            f"{path} is truncated or altered. Expected SHA-256 {expected.sha256} uncompressed. "
            f"Received: {found}, {len(content)} bytes."
        )
    # The header, a magic number and one size per dimension, is known by the hash.
    header_bytes = 4 * (1 + len(expected.shape))
    size = math.prod(expected.shape)
    return np.frombuffer(content, np.uint8, count=size, offset=header_bytes).reshape(expected.shape)
