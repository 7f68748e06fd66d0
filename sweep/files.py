"""Files that are there whole or not at all."""

import os
from pathlib import Path

from sweep.errors import WorldError


def write_atomically(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all.

    Raises:
        WorldError: If it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise WorldError(f"{path} cannot be written: {error.strerror}. Choose another --out.") from error
