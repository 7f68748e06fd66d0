"""Reading a configuration that people wrote, strictly and with every mistake named."""

from __future__ import annotations

from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from search_spaces.configuration import Configuration, ConfigurationError, parameters_of, refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Families = tuple[type[Configuration], ...]


def read_values(families: Families, values: Mapping[str, object]) -> Configuration:
    """Make a configuration of one of the families from values by name.

    Args:
        families: The families to choose from by the key `family`, which may be missing if there is only one.
        values: All parameters of that family. None and "off" both mean off; numbers are numbers, not strings.

    Raises:
        ConfigurationError: If a parameter is missing, unknown, mistyped or out of range; names all of them.
    """
    family = family_of(families, values)
    kinds = parameters_of(family)
    problems = [_unknown(name, kinds) for name in values if name not in kinds and name != "family"]
    checked: dict[str, Any] = {}
    for name, kind in kinds.items():
        if name not in values:
            problems.append(f"{name}: missing")
            continue
        try:
            checked[name] = kind.check(values[name])
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise ConfigurationError(refusal(family, problems))
    return family(**checked)


def read_pairs(families: Families, pairs: Iterable[str]) -> Configuration:
    """Make a configuration of one of the families from `key=value` strings, as typed on a command line.

    Args:
        families: The families to choose from by `family=NAME`, which may be missing if there is only one.
        pairs: One string for each parameter, such as `l2=0.01`, `batch_norm=true`, `dropout=off`.

    Raises:
        ConfigurationError: As `read_values`; also if a string has no `=` or a key comes twice.
    """
    split = [(key.strip(), equals, text.strip()) for key, equals, text in (p.partition("=") for p in pairs)]
    broken = [key for key, equals, _ in split if not equals or not key]
    if broken:
        raise ConfigurationError(f"Expected key=value, such as l2=0.01. Received: {', '.join(map(repr, broken))}.")
    repeated = [key for key, count in Counter(key for key, _, _ in split).items() if count > 1]
    if repeated:
        raise ConfigurationError(f"Each key may be given once. Given more often: {', '.join(repeated)}.")
    texts = {key: text for key, _, text in split}
    kinds = parameters_of(family_of(families, texts))
    # What cannot be parsed stays a string, so that it is refused with the same words as in a file.
    return read_values(families, {key: kinds[key].parse(text) if key in kinds else text for key, text in texts.items()})


def family_of(families: Families, values: Mapping[str, object]) -> type[Configuration]:
    """The family that the key `family` names; without that key the only one.

    Raises:
        ConfigurationError: If the key is missing and there are several families, or names none of them.
    """
    known = [family.family for family in families]
    if "family" not in values:
        if len(families) == 1:
            return families[0]
        raise ConfigurationError(f"The key 'family' is missing. Expected one of: {', '.join(known)}.")
    for family in families:
        if family.family == values["family"]:
            return family
    hint = nearest(str(values["family"]), known)
    raise ConfigurationError(
        f"The family is not in this search space. Expected one of: {', '.join(known)}. "
        f"Received: family={values['family']!r}" + (f" ({hint})." if hint else ".")
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """The words "did you mean 'x'?" for the known name nearest to a misspelt one; empty if none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else ""


def _unknown(name: str, kinds: Mapping[str, object]) -> str:
    hint = nearest(name, [*kinds, "family"])
    return f"{name}: no such parameter ({hint})" if hint else f"{name}: no such parameter"
