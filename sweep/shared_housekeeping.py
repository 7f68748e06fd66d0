"""What lies at studies' places that nothing needs: copies of files that no rule keeps in any home."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from storage import Store
from storage.errors import PlaceError
from sweep.budget import read_budget
from sweep.identity import read_identity
from sweep.places import ForeignPlaceError
from sweep.shared_files import SharedFiles
from sweep.trial_files import TrialFiles


@dataclass(frozen=True, kw_only=True)
class SharedSurplus:
    """Copies at one study's place that nothing needs.

    Attributes:
        shared: The place.
        keys: Bytes of each, by its key.
    """

    shared: SharedFiles
    keys: Mapping[str, int]

    @property
    def bytes(self) -> int:
        """Bytes of all of them."""
        return sum(self.keys.values())

    def urls(self) -> dict[str, int]:
        """Bytes of each, by its URL."""
        return {f"{self.shared}/{key}": size for key, size in self.keys.items()}


def find_shared_surplus(store: Store, home: Path, *, note: Callable[[str], None]) -> list[SharedSurplus]:
    """What nothing needs at the places of the store's studies.

    What lies elsewhere in their buckets is not ours to judge: other stores may have their studies there.

    Args:
        store: The store.
        home: Any home.
        note: Told of a place that cannot be looked at, which is left alone.
    """
    found = []
    for name in store.study_names():
        study = store.load(name)
        if read_identity(study) is None:
            continue
        try:
            shared = TrialFiles.of(home, study, store.location).shared
            if shared is None:
                continue
            keys = shared.surplus(study, keep=read_budget(study).keep) | shared.orphans(study)
        except (PlaceError, ForeignPlaceError) as error:
            note(f"Left alone: the files of '{name}' off this host. {error}")
            continue
        if keys:
            found.append(SharedSurplus(shared=shared, keys=keys))
    return found


def clear_shared(found: Iterable[SharedSurplus], *, note: Callable[[str], None]) -> None:
    """Remove what was found; a place where that fails is said and left alone."""
    for each in found:
        try:
            each.shared.remove_keys(each.keys)
        except PlaceError as error:
            note(f"Not removed from {each.shared}: {error}")
