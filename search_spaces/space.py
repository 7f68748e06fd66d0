"""A search space: the way between the configurations of its families and Optuna's parameters."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    distribution_to_json,
)

from search_spaces.configuration import Configuration, ConfigurationError, parameters_of
from search_spaces.reading import family_of, read_pairs, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.trial import BaseTrial

    from search_spaces.configuration import FirstTrial
    from search_spaces.reported import ReportedExperiment

FAMILY = "family"  # the first parameter of a space that has several families


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """What a study searches.

    Args:
        name: The name that people choose it by, such as `isolated` or `all`.
        families: At least one. Parameters of the same name are shared, so they must be alike in all of them.

    Raises:
        ValueError: If there is no family, two have the same name, a family declares no valid parameters, or
            parameters of the same name differ.
    """

    name: str
    families: tuple[type[Configuration], ...]

    def __post_init__(self) -> None:
        names = [family.family for family in self.families]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"Search space {self.name!r} needs different families, at least one. Received: {names}")
        _ = self.distributions  # raises if the families do not go together

    @cached_property
    def distributions(self) -> Mapping[str, BaseDistribution]:
        """Optuna's distributions of all parameters, in the order in which every trial suggests them."""
        merged: dict[str, BaseDistribution] = {}
        if len(self.families) > 1:
            merged[FAMILY] = CategoricalDistribution([family.family for family in self.families])
        for family in self.families:
            for name, distribution in _distributions_of(family).items():
                if merged.setdefault(name, distribution) != distribution:
                    raise ValueError(
                        f"Parameter {name!r} of family {family.family!r} is {distribution}, but another "
                        f"family of search space {self.name!r} has it as {merged[name]}. "
                        "Rename it or make them alike."
                    )
        return merged

    @cached_property
    def _only_values(self) -> Mapping[str, Any]:
        return {
            name: each.choices[0]
            for name, each in self.distributions.items()
            if isinstance(each, CategoricalDistribution) and each.single()  # numbers have a range
        }

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the distributions, in hexadecimal: two spaces with the same one can share a study."""
        named = {name: json.loads(distribution_to_json(found)) for name, found in self.distributions.items()}
        canonical = json.dumps(named, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @property
    def reported(self) -> tuple[ReportedExperiment, ...]:
        """The reported experiments of all families, in the families' order."""
        return tuple(experiment for family in self.families for experiment in family.reported)

    @property
    def experiments(self) -> tuple[ReportedExperiment | FirstTrial, ...]:
        """All that is enqueued before anything is sampled: reported experiments, then first trials."""
        return (*self.reported, *self.first_trials)

    @property
    def default_recipe(self) -> str:
        """The recipe of its studies by default: its family's, and the report's of several families."""
        return self.families[0].default_recipe if len(self.families) == 1 else Configuration.default_recipe

    @property
    def first_trials(self) -> tuple[FirstTrial, ...]:
        """The published networks that the families begin with, in the families' order."""
        return tuple(first for family in self.families for first in family.first_trials)

    @property
    def uses_backbones(self) -> tuple[str, ...]:
        """Names of the pretrained backbones that the space can choose; empty for most spaces."""
        return tuple(dict.fromkeys(name for family in self.families for name in family.backbones))

    def suggest(self, trial: BaseTrial) -> Configuration:
        """Draw a configuration.

        Every parameter is suggested first and unconditionally, those of other families too: a trial that
        lacks one would drop it from joint sampling for the life of the study.

        Raises:
            ConfigurationError: If the trial was enqueued with values that the space does not have.
        """
        return self.from_params({name: _suggest(trial, name, d) for name, d in self.distributions.items()})

    def from_dict(self, values: Mapping[str, object]) -> Configuration:
        """Make a configuration from values by name, as they stand in a JSON file.

        Args:
            values: All parameters of one family; None and "off" both mean off. The key `family` may be
                missing if the space has one family.

        Raises:
            ConfigurationError: If a parameter is missing, unknown, mistyped or out of range; names all.
        """
        return read_values(self.families, values)

    def parse(self, pairs: Iterable[str]) -> Configuration:
        """Make a configuration from `key=value` strings, as typed on a command line.

        Args:
            pairs: Such as `l2=0.01`, `batch_norm=true`, `dropout=off`, `backbone=vgg16`.

        Raises:
            ConfigurationError: As `from_dict`; also if a string has no `=` or a key comes twice.
        """
        return read_pairs(self.families, pairs)

    def to_params(self, configuration: Configuration) -> dict[str, Any]:
        """All of Optuna's parameters for a configuration; what plays no part in it keeps an inert value.

        Raises:
            ConfigurationError: If the configuration's family is not in the space.
        """
        if type(configuration) not in self.families:
            known = ", ".join(family.family for family in self.families)
            raise ConfigurationError(
                f"Search space {self.name!r} has no family {configuration.family!r}. Its families: {known}."
            )
        params: dict[str, Any] = {FAMILY: configuration.family}
        for family in self.families:
            for name, kind in parameters_of(family).items():
                params |= kind.inert_params(name)
        for name, kind in parameters_of(type(configuration)).items():
            params |= kind.to_params(name, getattr(configuration, name))
        return {name: params[name] for name in self.distributions}

    def from_params(self, params: Mapping[str, Any]) -> Configuration:
        """The configuration that Optuna's parameters stand for; the inverse of `to_params`.

        Args:
            params: All parameters; one that has a single value may be missing: samplers propose none for it.

        Raises:
            ConfigurationError: If a parameter is missing, or has a value that the space does not have.
        """
        params = {**self._only_values, **params}
        missing = [name for name in self.distributions if name not in params]
        if missing:
            raise ConfigurationError(
                f"Search space {self.name!r} needs all its parameters. Missing: {', '.join(missing)}."
            )
        family = family_of(self.families, params)
        return family(**{name: kind.from_params(name, params) for name, kind in parameters_of(family).items()})


def _distributions_of(family: type[Configuration]) -> dict[str, BaseDistribution]:
    found: dict[str, BaseDistribution] = {}
    for name, kind in parameters_of(family).items():
        new = kind.distributions(name)
        taken = new.keys() & (found.keys() | {FAMILY})
        if taken:
            raise ValueError(
                f"Parameter {name!r} of family {family.family!r} takes a name that is in use: "
                f"{', '.join(sorted(taken))}. Rename it."
            )
        found |= new
    return found


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
        case FloatDistribution(low=low, high=high, log=log):
            return trial.suggest_float(name, low, high, log=log)
        case _:
            raise TypeError(f"Expected a categorical or float distribution for {name!r}. Received: {distribution}")
