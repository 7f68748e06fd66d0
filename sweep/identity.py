"""What a study is: everything that must stay equal for its trials to be comparable."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sweep.errors import UsageError
from sweep.recipe import RECIPES

if TYPE_CHECKING:
    import optuna

    from search_spaces import SearchSpace
    from storage.tally import CountedStudy

ATTRIBUTE = "identity"


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The identity of a study, stored with it once.

    Attributes:
        family: Name of the search space.
        without: Families left out of `all`.
        space_hash: Of the space's distributions.
        recipe: Name of the recipe.
        dataset: Name or path of the data set. Not compared: its content is.
        dataset_sha256: Of the images and labels as they are trained on.
        labels: Class names, in the order of their indices.
        image_shape: Height, width, channels.
        image_size: Side the images were resized to on request, or None.
        color: Whether three channels were asked for.
        validation_fraction: Share of the training images set apart, stratified, from the seed.
        limit: Images per part at most, or None.
        epochs, patience, batch_size: See `Recipe`.
        seed: Of every trial and retry.
        sampler, sampler_settings, pruner, pruner_settings: See `sweep.samplers`. Optuna stores neither.
        weights: Source of frozen backbones' weights: `imagenet`, `none`, a hash of other files, or None without any.
        mirrored: Whether an image's mirror image shows the same class. Default: True.
        max_macs, max_parameters, max_latency: Limits of its networks, see `sweep.limits`; latency in seconds. They
            say what is searched, and what the best may cost: with others it is another study. Default: None.
    """

    family: str
    without: tuple[str, ...]
    space_hash: str
    recipe: str
    dataset: str
    dataset_sha256: str
    labels: tuple[str, ...]
    image_shape: tuple[int, int, int]
    image_size: int | None
    color: bool
    validation_fraction: float
    limit: int | None
    epochs: int
    patience: int | None
    batch_size: int | None
    seed: int
    sampler: str
    sampler_settings: Mapping[str, Any]
    pruner: str
    pruner_settings: Mapping[str, Any]
    weights: str | None
    mirrored: bool = True  # of studies older than this field, which none of theirs depends on
    max_macs: int | None = None
    max_parameters: int | None = None
    max_latency: float | None = None

    @property
    def quick_look(self) -> bool:
        """Whether its trials see fewer images or epochs than the recipe's default, and so get no verdict."""
        return self.limit is not None or self.epochs < RECIPES[self.recipe].epochs

    @property
    def search_space(self) -> "SearchSpace":
        """What is searched, the recipe included where it is.

        Raises:
            UnknownFamilyError: If its family is not installed here.
        """
        from search_spaces import find_space  # with it comes Optuna, which who only counts trials need not import

        return find_space(self.family, without=self.without, recipe=self.recipe, mirrored=self.mirrored)

    def to_dict(self) -> dict[str, Any]:
        """As JSON is written into the study."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Identity":
        """The inverse of `to_dict`."""
        # A study may be older than a term: then it has the term's default.
        fields = {
            field.name: values[field.name]
            for field in dataclasses.fields(cls)
            if field.name in values or field.default is dataclasses.MISSING
        }
        for name in ("without", "labels", "image_shape"):
            fields[name] = tuple(fields[name])
        return cls(**fields)


def read_identity(study: "optuna.Study | CountedStudy") -> Identity | None:
    """The identity of a study, or None for one that this project did not make."""
    stored = study.user_attrs.get(ATTRIBUTE)
    return None if stored is None else Identity.from_dict(stored)


def refuse_another_identity(study: "optuna.Study", wanted: Identity) -> None:
    """Refuse to go on with a study under other terms than those it began with.

    Raises:
        UsageError: If anything compared differs; the message shows each difference.
    """
    stored = json.loads(json.dumps({"mirrored": True} | study.user_attrs[ATTRIBUTE]))
    asked = json.loads(json.dumps(wanted.to_dict()))
    if stored["dataset_sha256"] == asked["dataset_sha256"]:  # the same images may lie elsewhere
        stored, asked = _compared(stored), _compared(asked)
    differences = [
        f"  {name}: stored {_short(stored.get(name))}, asked for {_short(asked.get(name))}"
        for name in sorted(stored.keys() | asked.keys())
        if stored.get(name) != asked.get(name)
    ]
    if differences:
        raise UsageError(
            f"Study '{study.study_name}' exists with other settings:\n"
            + "\n".join(differences)
            + "\nLeave the option out to take the stored setting, or choose another --study."
        )


def _compared(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "dataset"}


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
