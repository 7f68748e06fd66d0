"""What a family of networks is: a dataclass of hyperparameters that knows its layers."""

from __future__ import annotations

import dataclasses
import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from search_spaces.parameters import Parameter
    from search_spaces.plan import LayerPlan
    from search_spaces.reported import ReportedExperiment

JSON: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, kw_only=True)
class ParameterDescription:
    """A hyperparameter for people.

    Attributes:
        name: Its name, as in `to_dict`.
        expected: What values it may take, in words.
        doc: What it does, in a sentence; empty if its family does not say.
    """

    name: str
    expected: str
    doc: str


@dataclass(frozen=True, kw_only=True)
class FirstTrial:
    """A published network that a family begins with; no report says what it reaches here.

    Attributes:
        id: Its name, unique among all families, such as `residual-resnet20`.
        configuration: Its hyperparameters and its family, as `SearchSpace.from_dict` takes them.
    """

    id: str
    configuration: Mapping[str, object]


class ConfigurationError(ValueError):
    """A configuration that cannot be, or cannot be built; the message is for people."""


@dataclass(frozen=True, kw_only=True)
class Configuration(ABC):
    """The hyperparameters of one network.

    Each subclass is a family; each of its fields is a `parameter(...)`. Values are checked when one is made;
    whole numbers become floats where a float is meant.

    Attributes:
        family: The family's name, as users type it.
        reported: The experiments that a report describes for this family. Defaults to none.
        backbones: Names of the pretrained backbones that the family can choose. Defaults to none.
        first_trials: Configurations that are enqueued before anything is sampled, without a verdict on what they
            reach. Defaults to none.
        default_recipe: How its networks are trained unless somebody says otherwise: `report` (default) or `tuned`.

    Raises:
        ConfigurationError: If a value is mistyped, out of range or not among the choices; names all of them.
    """

    family: ClassVar[str]
    reported: ClassVar[tuple[ReportedExperiment, ...]] = ()
    backbones: ClassVar[tuple[str, ...]] = ()
    first_trials: ClassVar[tuple[FirstTrial, ...]] = ()
    default_recipe: ClassVar[str] = "report"

    def __post_init__(self) -> None:
        problems = []
        for name, kind in parameters_of(type(self)).items():
            try:
                # The class is frozen to everyone else; here 1 becomes 1.0, so that equal means equal.
                object.__setattr__(self, name, kind.check(getattr(self, name)))
            except ValueError as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise ConfigurationError(refusal(type(self), problems))

    @abstractmethod
    def plan(self, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        """Lay out the network's layers.

        Args:
            image_shape: Height, width and channels of one image.
            classes: Number of classes.

        Raises:
            ConfigurationError: If the network cannot take images of that shape.
        """

    def to_dict(self) -> dict[str, JSON]:
        """The configuration as JSON: the family, its own parameters, then the shared ones; None for off."""
        values: dict[str, JSON] = {"family": self.family}
        return values | {name: getattr(self, name) for name in parameters_of(type(self))}


def parameters_of(family: type[Configuration]) -> dict[str, Parameter]:
    """The parameters of a family by name: its own first, then those of its base classes.

    Raises:
        ValueError: If a field was not declared with `parameter(...)`, or there is no field at all.
    """
    fields = {field.name: field for field in dataclasses.fields(family)}
    inherited = [name for base in family.__mro__ for name in inspect.get_annotations(base) if name in fields]
    parameters: dict[str, Parameter] = {}
    for name in dict.fromkeys(inherited):
        if "parameter" not in fields[name].metadata:
            raise ValueError(
                f"Field {name!r} of {family.__name__} is no hyperparameter. "
                f"Declare it as `{name}: ... = parameter(...)`, or as a ClassVar if it is constant."
            )
        parameters[name] = fields[name].metadata["parameter"]
    if not parameters:
        raise ValueError(
            f"{family.__name__} has no hyperparameters. Declare at least one with `parameter(...)`, "
            "and decorate the class with @dataclass(frozen=True, kw_only=True)."
        )
    return parameters


def describe(family: type[Configuration]) -> tuple[ParameterDescription, ...]:
    """The parameters of a family in words, in the order of `parameters_of`."""
    docs = {field.name: field.metadata.get("doc", "") for field in dataclasses.fields(family)}
    return tuple(
        ParameterDescription(name=name, expected=kind.expected, doc=docs[name])
        for name, kind in parameters_of(family).items()
    )


def refusal(family: type[Configuration], problems: list[str]) -> str:
    """One message about everything that is wrong with a family's values, ending with what they may be."""
    way_out = "; ".join(f"{name}: {kind.expected}" for name, kind in parameters_of(family).items())
    return f"Not a configuration of {family.family!r}. {'. '.join(problems)}. Its parameters are {way_out}."
