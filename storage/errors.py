"""What can go wrong with a store, in messages that people can act on."""

import difflib
from collections.abc import Sequence


class StorageError(Exception):
    """The store cannot be opened, reached or trusted."""


class LocationError(ValueError):
    """A storage URL that names no store this project can use."""


class UnknownStudyError(LookupError):
    """A study that the store does not hold."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        nearest = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        listing = f"Known studies: {', '.join(known)}." if known else "The store holds no study yet."
        super().__init__(f"No study named '{name}'.{hint} {listing}")


class PlaceError(StorageError):
    """The place that a study's files are copied to cannot be reached, used or trusted."""


class DamagedObjectError(PlaceError):
    """What came from a place is not what was put there."""


class MissingPackageError(PlaceError, LocationError):
    """What speaks to places is not installed: whoever asks for one is told so, whoever only tidies leaves it alone."""
