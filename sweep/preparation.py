"""From what a command asks to the terms and means of a study; every check is made here, and nothing is written."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search_spaces import SearchSpace, UnknownFamilyError, find_space
from storage import Store
from sweep.affordable import refuse_unmeetable_limits
from sweep.backbone_weights import WeightsError, find_weights
from sweep.data.dataset import FASHION_MNIST, DataReference, load_dataset
from sweep.data.split import VALIDATION_SHARE, split_sizes
from sweep.errors import UsageError, WorldError
from sweep.identity import Identity, read_identity, refuse_another_identity
from sweep.limits import NetworkLimits
from sweep.names import nearest
from sweep.recipe import RECIPES, TYPICAL_BATCH, Recipe
from sweep.samplers import PRUNERS, SAMPLERS, pruner_settings, sampler_settings

NAME = re.compile(r"[^\W_][\w. +-]{0,99}")
SEED = 43  # the report: "we will set a system seed of 43"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a command asks of a study. None: as stored, or the default for a new study."""

    family: str
    study: str | None = None
    recipe: str | None = None
    epochs: int | None = None
    patience: int | None = None
    batch_size: int | None = None
    limit: int | None = None
    sampler: str | None = None
    pruner: str | None = None
    weights: str | None = None
    without: tuple[str, ...] | None = None
    experiments: tuple[str, ...] | None = None
    dataset: str | None = None
    data_dir: Path | None = None
    image_size: int | None = None
    color: bool | None = None
    seed: int | None = None
    max_macs: int | None = None
    max_parameters: int | None = None
    max_latency: float | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A study whose terms are known and whose means are at hand.

    Attributes:
        name: The study's name.
        found_data: Where the images were found, for people.
        images: Training, validation and test images.
        experiments: Reported experiments and first trials to enqueue where they are missing; None (default): all.
    """

    name: str
    space: SearchSpace
    identity: Identity
    data: DataReference
    found_data: str
    images: tuple[int, int, int]
    backbone_weights: dict[str, Path]
    experiments: tuple[str, ...] | None = None


def study_name(request: Request) -> str:
    """The name of the study that a request means: its family's, `FAMILY-quick` for a quick look.

    Raises:
        UsageError: If a given name cannot be used.
    """
    if request.study is not None:
        if not NAME.fullmatch(request.study):
            raise UsageError(
                "A study's name begins with a letter or digit and has at most 100 letters, digits, spaces and "
                f"._+- in it. Received: {request.study!r}"
            )
        return request.study
    recipe = RECIPES.get(request.recipe or _default_recipe(request.family))
    quick = request.limit is not None or (
        request.epochs is not None and recipe is not None and request.epochs < recipe.epochs
    )
    return f"{request.family}-quick" if quick else request.family


def prepare(request: Request, store: Store, *, cache: Path) -> Prepared:
    """Settle a study's terms and find its data and weights; writes nothing into the store.

    Args:
        request: What was asked for.
        store: Where the study is, or will be.
        cache: Folder for downloads.

    Raises:
        UsageError: If what was asked for makes no sense, or contradicts the stored study.
        WorldError, DataError: If data or weights cannot be had.
    """
    name = study_name(request)
    study = store.find(name)
    stored = read_identity(study) if study is not None else None
    if study is not None and stored is None and study.get_trials(deepcopy=False):
        raise UsageError(f"Study '{name}' was not made by sweep. Choose another --study.")

    def settle(option: str, default: Any) -> Any:
        """What was asked for, else what is stored, else the default."""
        for source in (request, stored):
            if source is not None and getattr(source, option) is not None:
                return getattr(source, option)
        return default

    without = settle("without", ())
    recipe_name = settle("recipe", find_space(request.family, without=without).default_recipe)
    recipe = RECIPES[known(recipe_name, RECIPES, "recipe")]
    _refuse_what_is_searched(request, recipe)
    sampler = known(settle("sampler", "tpe"), SAMPLERS, "sampler")
    pruner = known(settle("pruner", "median"), PRUNERS, "pruner")
    same_sampler = stored is not None and stored.sampler == sampler
    same_pruner = stored is not None and stored.pruner == pruner
    epochs, batch_size = settle("epochs", recipe.epochs), settle("batch_size", recipe.batch_size)
    seed = settle("seed", SEED)
    limit = settle("limit", None)
    data = DataReference(
        name=settle("dataset", FASHION_MNIST),
        data_dir=request.data_dir,
        cache_dir=cache,
        image_size=settle("image_size", None),
        color=settle("color", False),
    )
    if data.data_dir is not None and data.name != FASHION_MNIST:
        raise UsageError(f"--data-dir is for Fashion-MNIST's files; --dataset {data.name} names its own place.")
    dataset = load_dataset(data)
    images = split_sizes(dataset, limit=limit)
    mirrored = dataset.mirrored if stored is None else stored.mirrored
    space = find_space(request.family, without=without, recipe=recipe.name, mirrored=mirrored)
    offered = [each.id for each in space.experiments]
    for experiment in request.experiments or ():
        known(experiment, offered, "experiment")
    wanted_weights = request.weights
    if wanted_weights is None and stored is not None and stored.weights in ("imagenet", "none"):
        wanted_weights = stored.weights
    weights, files = _weights(wanted_weights or "imagenet", space)
    identity = Identity(
        family=space.name,
        without=tuple(without),
        space_hash=space.hash,
        recipe=recipe.name,
        dataset=data.name,
        dataset_sha256=dataset.sha256,
        labels=dataset.labels,
        image_shape=dataset.image_shape,
        image_size=data.image_size,
        color=data.color,
        validation_fraction=VALIDATION_SHARE,
        limit=limit,
        epochs=epochs,
        patience=settle("patience", recipe.patience),
        batch_size=batch_size,
        seed=seed,
        sampler=sampler,
        sampler_settings=stored.sampler_settings
        if same_sampler and stored
        else sampler_settings(sampler, first_trials=len(space.first_trials)),
        pruner=pruner,
        pruner_settings=stored.pruner_settings
        if same_pruner and stored
        else pruner_settings(
            pruner,
            epochs=epochs,
            steps=-(-images[0] // (batch_size or TYPICAL_BATCH)),
            scheduled=recipe.batch_size is None,
        ),
        weights=weights,
        mirrored=mirrored,
        max_macs=settle("max_macs", None),
        max_parameters=settle("max_parameters", None),
        max_latency=settle("max_latency", None),
    )
    if study is not None and stored is not None:
        refuse_another_identity(study, identity)
    else:
        refuse_unmeetable_limits(space, NetworkLimits.of(identity), identity.image_shape, len(identity.labels))
    return Prepared(
        name=name,
        space=space,
        identity=identity,
        data=data,
        found_data=dataset.source,
        images=images,
        backbone_weights=files,
        experiments=request.experiments,
    )


def prepare_to_join(
    name: str,
    store: Store,
    *,
    cache: Path,
    dataset: str | None = None,
    data_dir: Path | None = None,
    weights: str | None = None,
) -> Prepared:
    """Prepare to work on a study that exists, on its own terms, with this host's data and weights.

    Args:
        name: The study.
        store: Holds it.
        cache: Folder for downloads.
        dataset: Where its images are now. Default: where they were when it was made.
        data_dir: Folder with Fashion-MNIST's files. Default: the usual places.
        weights: Where backbones' weights are. Default: as the study has them.

    Raises:
        UnknownStudyError: If it does not exist.
        UsageError: If this host's data or weights are others than the study's.
    """
    stored = read_identity(store.load(name))
    if stored is None:
        raise UsageError(f"Study '{name}' was not made by sweep.")
    request = Request(family=stored.family, study=name, dataset=dataset, data_dir=data_dir, weights=weights)
    return prepare(request, store, cache=cache)


def known(name: str, names: Collection[str], what: str) -> str:
    """The name, if it is one of the names.

    Raises:
        UsageError: If it is not; the message has the nearest one.
    """
    if name not in names:
        raise UsageError(f"No {what} named '{name}'.{nearest(name, names)} Known: {', '.join(names)}.")
    return name


def _default_recipe(family: str) -> str:
    """The recipe of a space by default; the report's if there is no such space, which is refused later."""
    try:
        return find_space(family).default_recipe
    except UnknownFamilyError:
        return "report"


def _refuse_what_is_searched(request: Request, recipe: Recipe) -> None:
    """Refuse to fix what the recipe searches, or does not have.

    Raises:
        UsageError: If that was asked for.
    """
    if request.batch_size is not None and recipe.batch_size is None:
        raise UsageError(
            f"--batch-size is searched by --recipe {recipe.name}. Received: --batch-size {request.batch_size}. "
            "Leave the option out, or choose --recipe report."
        )
    if request.patience is not None and recipe.patience is None:
        raise UsageError(
            f"--recipe {recipe.name} has no early stopping: its schedules end with the last epoch. "
            f"Received: --patience {request.patience}. Leave the option out, or choose --recipe report."
        )


def _weights(source: str, space: SearchSpace) -> tuple[str | None, dict[str, Path]]:
    if not space.uses_backbones:
        return None, {}
    if source == "none":
        return "none", {}
    try:
        found = find_weights(source, space.uses_backbones)
    except WeightsError as error:
        way_out = " Or leave these networks out with --without pretrained." if space.name == "all" else ""
        raise WorldError(f"{error}{way_out}") from error
    files = {name: each.path for name, each in found.items()}
    if all(each.is_imagenet for each in found.values()):
        return "imagenet", files
    digest = hashlib.sha256("".join(found[name].md5 for name in sorted(found)).encode()).hexdigest()
    return f"files {digest[:12]}", files
