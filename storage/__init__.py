"""What is kept: storage URLs, SQLite and PostgreSQL engines, studies, locks.

Optuna's schema is the only schema. This package knows neither networks nor training; `sweep` stands on it.
"""

from typing import TYPE_CHECKING

from storage.errors import LocationError, StorageError, UnknownStudyError
from storage.location import Location, locate

if TYPE_CHECKING:
    from storage.store import Store, open_store
else:

    def __getattr__(name: str) -> object:
        """Import what needs Optuna only when it is asked for: half a second that a mere count does without."""
        if name not in ("Store", "open_store"):
            raise AttributeError(f"module 'storage' has no attribute '{name}'")
        from storage import store

        return getattr(store, name)


__all__ = [
    "Location",
    "LocationError",
    "StorageError",
    "Store",
    "UnknownStudyError",
    "locate",
    "open_store",
]
