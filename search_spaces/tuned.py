"""The recipe as a part of the search space: how a network is trained is searched together with its layers."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, cast

from search_spaces.configuration import Configuration, parameters_of
from search_spaces.parameters import Choice, Optional, Switch, Uniform, parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from search_spaces.plan import LayerPlan

# How the reported experiments are trained: Adam at its default rate, and nothing else.
REPORT_POINT: Final[Mapping[str, object]] = MappingProxyType(
    {
        "learning_rate": 0.001,
        "schedule": "constant",
        "batch_size": 128,
        "weight_decay": None,
        "label_smoothing": None,
        "augmentation": "none",
        "weight_averaging": False,
        "flip_averaging": False,
    }
)

# What first trials are trained with: found by hand for a residual network of 1.2 M parameters, which it took to 94.3 %
# of Fashion-MNIST in 20 epochs.
FIRST_POINT: Final[Mapping[str, object]] = MappingProxyType(
    {
        **REPORT_POINT,
        "learning_rate": 0.006,
        "schedule": "one-cycle",
        "weight_decay": 0.01,
        "flip_averaging": True,
    }
)
# The first of its augmentations, which are called otherwise where nothing is mirrored.
FIRST_AUGMENTATION = 1


@dataclass(frozen=True, kw_only=True)
class Tuned(Configuration):
    """A configuration that also says how it is trained: what every network can be trained with."""

    learning_rate: float = parameter(
        Uniform(0.0003, 0.01, log=True), doc="Adam's learning rate, at the schedule's highest point."
    )
    schedule: str = parameter(
        Choice("constant", "cosine", "one-cycle"),
        doc="How the learning rate goes: as it is, down to 0, or first up and then down to 0.",
    )
    batch_size: int = parameter(Choice(32, 64, 128, 256, 512), doc="Images in a training step.")
    weight_decay: float | None = parameter(
        Optional(Uniform(0.0001, 0.1, log=True)),
        doc="Decoupled weight decay (AdamW) of kernels; biases and the scales of batch normalisation have none.",
    )
    label_smoothing: float | None = parameter(
        Optional(Uniform(0.02, 0.2)), doc="Share of the label that is spread over all classes."
    )
    weight_averaging: bool = parameter(
        Switch(), doc="Whether the model has a moving average of the weights, over about the last epoch."
    )


@dataclass(frozen=True, kw_only=True)
class TunedUpright(Tuned):
    """Of images whose mirror image may show something else."""

    augmentation: str = parameter(
        Choice("none", "shift", "shift-erase"),
        doc="Views that training shows: moved by a few pixels, and with a random rectangle erased.",
    )


@dataclass(frozen=True, kw_only=True)
class TunedMirrored(Tuned):
    """Of images whose mirror image shows the same."""

    augmentation: str = parameter(
        Choice("none", "flip-shift", "flip-shift-erase"),
        doc="Views that training shows: mirrored, moved by a few pixels, and with a random rectangle erased.",
    )
    flip_averaging: bool = parameter(
        Switch(), doc="Whether the model's answer is the mean of those to an image and to its mirror image."
    )


@cache
def tuned(family: type[Configuration], *, mirrored: bool = True) -> type[Configuration]:
    """The same family with the recipe among its parameters; the same class at every call.

    A frozen backbone sees each image once, before training: other views of it are not offered behind one.

    Args:
        family: Any family.
        mirrored: Whether an image's mirror image shows the same class. Default: True.

    Returns:
        A subclass with the same name of the family; its reported experiments are trained as in the report,
        its first trials as networks of their kind are trained well.

    Raises:
        ValueError: If the family has a parameter of its own that the recipe has, too.
    """
    recipe: Any = Tuned if family.backbones else TunedMirrored if mirrored else TunedUpright
    taken = parameters_of(family).keys() & parameters_of(recipe).keys()
    if taken:
        raise ValueError(
            f"Family {family.family!r} has parameters that the recipe 'tuned' has, too: {', '.join(sorted(taken))}. "
            "Rename them, or choose --recipe report."
        )
    parameters = parameters_of(recipe)
    point = {name: REPORT_POINT[name] for name in parameters}
    first_point = {name: FIRST_POINT[name] for name in parameters}
    if "augmentation" in parameters:
        first_point["augmentation"] = cast("Choice", parameters["augmentation"]).values[FIRST_AUGMENTATION]
    namespace = {"plan": _with_views(family.plan)} if recipe is TunedMirrored else {}
    made: Any = dataclasses.make_dataclass(
        f"Tuned{family.__name__}",
        (),
        bases=(family, recipe),
        frozen=True,
        kw_only=True,
        namespace=namespace
        | {
            "__doc__": family.__doc__,
            "reported": tuple(replace(each, configuration={**each.configuration, **point}) for each in family.reported),
            "first_trials": tuple(
                replace(each, configuration={**each.configuration, **first_point}) for each in family.first_trials
            ),
        },
    )
    return cast("type[Configuration]", made)


def _with_views(plan: Callable[..., LayerPlan]) -> Callable[..., LayerPlan]:
    """A family's way to lay out its layers, for a model that may answer from two views of an image."""

    def with_views(self: Any, image_shape: tuple[int, int, int], classes: int) -> LayerPlan:
        return replace(plan(self, image_shape, classes), views=2 if self.flip_averaging else 1)

    return with_views
