"""What is kept: storage URLs, SQLite and PostgreSQL engines, studies, locks.

Optuna's schema is the only schema. This package knows neither networks nor training; `sweep` stands on it.
"""

from storage.errors import LocationError, StorageError, UnknownStudyError
from storage.location import Location, locate
from storage.store import Store, open_store

__all__ = [
    "Location",
    "LocationError",
    "StorageError",
    "Store",
    "UnknownStudyError",
    "locate",
    "open_store",
]
