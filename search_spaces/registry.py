"""Search spaces by name: the built-in ones, and those that other packages register as entry points."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

from search_spaces.configuration import Configuration
from search_spaces.grouped import Grouped
from search_spaces.isolated import Isolated
from search_spaces.pretrained import Pretrained
from search_spaces.reading import nearest
from search_spaces.residual import Residual
from search_spaces.space import SearchSpace
from search_spaces.tuned import tuned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ENTRY_POINT_GROUP = "sweep.search_spaces"
ALL = "all"
TUNED = "tuned"  # the recipe that is searched, too

_FAMILIES: Mapping[str, type[Configuration]] = MappingProxyType(
    {family.family: family for family in (Isolated, Grouped, Pretrained, Residual)}  # the report's order, then ours
)
_BUILT_IN = (*_FAMILIES, ALL)


class UnknownFamilyError(ValueError):
    """A name under which no search space can be had; the message is for people."""


def space_names() -> tuple[str, ...]:
    """The names of all search spaces: the built-in ones, then the registered ones in alphabetical order.

    Nothing of a registered family is imported for that.

    Raises:
        UnknownFamilyError: If a registered name is a built-in one, or is registered twice.
    """
    registered = sorted({entry.name for entry in entry_points(group=ENTRY_POINT_GROUP)})
    for name in registered:
        _registered(name)
    return (*_BUILT_IN, *registered)


def find_space(
    name: str, *, without: Sequence[str] = (), recipe: str | None = None, mirrored: bool = True
) -> SearchSpace:
    """The search space of that name.

    Args:
        name: A built-in name, or the name of an entry point in the group `sweep.search_spaces`. `all` joins
            the built-in families, never registered ones.
        without: Families to leave out of `all`. Defaults to none.
        recipe: How its networks are trained; `tuned` makes that a part of the space. Defaults to the networks alone.
        mirrored: Whether an image's mirror image shows the same class; else `tuned` mirrors none. Defaults to True.

    Raises:
        UnknownFamilyError: If there is no such search space, its entry point is broken or takes a name in
            use, `without` does not fit, or the recipe's parameters have names that the family uses.
    """
    space = _of_networks(name, without)
    if recipe != TUNED:
        return space
    try:
        return SearchSpace(name=name, families=tuple(tuned(each, mirrored=mirrored) for each in space.families))
    except ValueError as error:
        raise UnknownFamilyError(str(error)) from error


def _of_networks(name: str, without: Sequence[str]) -> SearchSpace:
    entry = _registered(name)
    if name == ALL:
        return _all_without(without)
    if without:
        raise UnknownFamilyError(
            f"Families can be left out of {ALL!r} only. Received: family {name!r} without {', '.join(without)}."
        )
    if name in _FAMILIES:
        return SearchSpace(name=name, families=(_FAMILIES[name],))
    if entry is None:
        # Not space_names(): a clash between two other names must not hide this answer.
        known = dict.fromkeys((*_BUILT_IN, *sorted(e.name for e in entry_points(group=ENTRY_POINT_GROUP))))
        raise UnknownFamilyError(_unknown(name, known))
    return _load(entry)


def _all_without(without: Sequence[str]) -> SearchSpace:
    for name in without:
        if name not in _FAMILIES:
            raise UnknownFamilyError(f"Nothing to leave out of {ALL!r}. {_unknown(name, _FAMILIES)}")
    kept = tuple(family for name, family in _FAMILIES.items() if name not in without)
    if not kept:
        raise UnknownFamilyError(f"Nothing is left of {ALL!r} without {', '.join(without)}. Keep at least one family.")
    return SearchSpace(name=ALL, families=kept)


def _registered(name: str) -> EntryPoint | None:
    found = list(entry_points(group=ENTRY_POINT_GROUP, name=name))
    clash = f"is the name of a built-in search space ({', '.join(_BUILT_IN)})" if name in _BUILT_IN else ""
    if len({entry.value for entry in found}) > 1:
        clash = clash or "is registered more than once"
    if found and clash:
        sources = "; ".join(map(_source, found))
        raise UnknownFamilyError(f"{name!r} {clash}. Registered by: {sources}. Rename the entry point or uninstall it.")
    return found[0] if found else None


def _load(entry: EntryPoint) -> SearchSpace:
    try:
        family = entry.load()
    except Exception as error:  # importing someone else's module can fail with anything
        raise _broken(entry, f"it cannot be imported: {type(error).__name__}: {error}") from error
    if not (inspect.isclass(family) and issubclass(family, Configuration)) or inspect.isabstract(family):
        raise _broken(entry, f"expected a subclass of Configuration with a plan method, received {family!r}")
    if getattr(family, "family", None) != entry.name:
        raise _broken(entry, f"its class says family = {getattr(family, 'family', None)!r}, expected {entry.name!r}")
    try:
        return SearchSpace(name=entry.name, families=(family,))
    except ValueError as error:
        raise _broken(entry, str(error)) from error


def _broken(entry: EntryPoint, cause: str) -> UnknownFamilyError:
    return UnknownFamilyError(f"Family {entry.name!r} is registered by {_source(entry)}, but {cause}")


def _source(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist else "an unknown package"
    return f"entry point {entry.name} = {entry.value!r} of package {package!r}"


def _unknown(name: str, known: Iterable[str]) -> str:
    hint = nearest(name, known)
    wrong = f"No family named {name!r} ({hint})." if hint else f"No family named {name!r}."
    return f"{wrong} Known families: {', '.join(known)}."
