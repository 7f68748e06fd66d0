"""The options of the commands, each declared once."""

import functools
import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from sweep.disk_limit import parse_disk_limit
from sweep.limits import parse_latency, parse_macs, parse_parameters


class Diagnostics:
    """How much is shown of what went wrong; set by --verbose."""

    verbose = False


def _set_verbose(verbose: bool) -> bool:
    Diagnostics.verbose = verbose
    if verbose:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    return verbose


def _warn_of_password(context: typer.Context, parameter: typer.CallbackParam, storage: str | None) -> str | None:
    """Say that a password on the command line is no secret: `ps` shows it to every user of the host."""
    source = context.get_parameter_source(parameter.name or "")
    if storage is not None and source is not None and source.name == "COMMANDLINE":
        from storage import LocationError, locate

        with suppress(LocationError):  # the command says that
            if locate(storage, Path()).passwords:
                from sweep.cli.streams import notes

                notes.print(
                    "The password in --storage can be read by every user of this host (ps). "
                    "Give SWEEP_STORAGE in the environment instead, or leave the password to PGPASSWORD or ~/.pgpass."
                )
    return storage


def _check_artifacts(artifacts: str | None) -> str | None:
    if artifacts is not None:
        from storage.address import parse_address

        parse_address(artifacts)  # an option's parser would repeat the value, and a password may be in it
    return artifacts


def option(name: str, help: str, **settings: Any) -> Any:  # noqa: A002 - Typer's own word
    """An option that can also be given as SWEEP_NAME in the environment."""
    variable = "SWEEP_" + name.split("/")[0].removeprefix("--").replace("-", "_").upper()
    return typer.Option(name, help=help, envvar=variable, show_envvar=False, **settings)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where everything is kept; an option of every command."""

    home: Annotated[Path, option("--home", "Folder for database, downloads and logs.")] = Path("sweep-data")
    storage: Annotated[
        str | None,
        option(
            "--storage",
            "sqlite:///PATH or postgresql+psycopg://…; default: a SQLite file in the home.",
            callback=_warn_of_password,
        ),
    ] = None
    artifacts: Annotated[
        str | None,
        option(
            "--artifacts",
            "s3://BUCKET/PREFIX that hosts share checkpoints, weights and artifacts by; default: as the study has it.",
            callback=_check_artifacts,
        ),
    ] = None
    verbose: Annotated[bool, option("--verbose", "Show tracebacks and the log.", callback=_set_verbose)] = False


@dataclass(frozen=True, kw_only=True)
class Means:
    """What this host works with; where it lies does not belong to the study, only what the images are."""

    dataset: Annotated[
        str | None,
        option(
            "--dataset",
            "fashion-mnist, digits, an .npz file or a folder of class folders; default: as the study has it, or "
            "fashion-mnist. Of a study's images their new place, if they were moved.",
        ),
    ] = None
    data_dir: Annotated[
        Path | None, option("--data-dir", "Folder with Fashion-MNIST's four files; only there is looked.")
    ] = None
    weights: Annotated[
        str | None,
        option(
            "--weights",
            "Weights of frozen backbones: imagenet (default), a folder with Keras's files, or none.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Work:
    """How this host works."""

    slots: Annotated[
        int | None, option("--slots", "Trainer processes on this host; default: one per GPU, else 1.", min=1)
    ] = None
    precision: Annotated[
        str,
        option("--precision", "auto, float32 or mixed_bfloat16; auto takes bfloat16 where the processor has it."),
    ] = "auto"
    max_disk: Annotated[
        int | None,
        option(
            "--max-disk",
            "Most that checkpoints, weights and features in the home may take, as 20GB; default: no limit.",
            parser=parse_disk_limit,
            metavar="SIZE",
        ),
    ] = None
    metrics_port: Annotated[
        str | None,
        option("--metrics-port", "Answer Prometheus there, as 9100 or 0.0.0.0:9100; default: nowhere.", metavar="PORT"),
    ] = None
    deterministic: Annotated[bool, option("--deterministic", "The same weights again on the same machine; slower.")] = (
        False
    )


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a study is; what is not given stays as stored."""

    family: Annotated[str, option("--family", "Search space; see `sweep families`.")]
    study: Annotated[
        str | None, option("--study", "Name; default: the family's, with -quick behind it for a quick look.")
    ] = None
    recipe: Annotated[
        str | None, option("--recipe", "How networks are trained: report (default) or tuned, which is searched too.")
    ] = None
    epochs: Annotated[int | None, option("--epochs", "At most so many; default: the recipe's, 50 or 20.", min=1)] = None
    patience: Annotated[
        int | None, option("--patience", "Epochs without improvement before a trial ends; default: 5.", min=1)
    ] = None
    batch_size: Annotated[int | None, option("--batch-size", "Images in a step; default: 128.", min=1)] = None
    limit: Annotated[
        int | None,
        option("--limit", "Quick look: train, validate and test on at most so many images each.", min=1),
    ] = None
    sampler: Annotated[str | None, option("--sampler", "tpe (default) or random.")] = None
    pruner: Annotated[str | None, option("--pruner", "median (default), halving, hyperband or none.")] = None
    without: Annotated[list[str] | None, option("--without", "Family to leave out of all; may be repeated.")] = None
    experiment: Annotated[
        list[str] | None,
        option("--experiment", "Reported experiment to train, as isolated-6; may be repeated; default: all."),
    ] = None
    image_size: Annotated[int | None, option("--image-size", "Resize images to this side in pixels.")] = None
    color: Annotated[bool | None, option("--color/--grey", "Three channels, or one (default).")] = None
    seed: Annotated[int | None, option("--seed", "Of every trial; default: 43.", min=0, max=2**32 - 1)] = None
    max_macs: Annotated[
        int | None,
        option(
            "--max-macs",
            "Only networks with at most so many multiply-accumulates for one image, as 50M.",
            parser=parse_macs,
            metavar="COUNT",
        ),
    ] = None
    max_parameters: Annotated[
        int | None,
        option(
            "--max-parameters",
            "Only networks with at most so many weights, frozen ones included, as 1.5M.",
            parser=parse_parameters,
            metavar="COUNT",
        ),
    ] = None
    max_latency: Annotated[
        float | None,
        option(
            "--max-latency",
            "Only networks that take at most so long for one image, as 5ms: the median of some runs on the CPU of the "
            "host that trains, in float32.",
            parser=parse_latency,
            metavar="TIME",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What ends a study, shared by every host; what is not given stays as stored."""

    trials: Annotated[
        int | None,
        option("--trials", "Finished trials wanted, reported experiments included; default: 20.", min=1),
    ] = None
    until: Annotated[
        float | None, option("--until", "End at this validation accuracy, between 0 and 1.", min=0, max=1)
    ] = None
    trial_timeout: Annotated[str | None, option("--trial-timeout", "Longest a trial may take, as 20m.")] = None
    max_failures: Annotated[
        int | None, option("--max-failures", "End after so many failed trials in a row; default: 10.", min=1)
    ] = None
    max_retries: Annotated[
        int | None,
        option("--max-retries", "Try a trial whose trainer crashed so often again; default: 2.", min=0),
    ] = None
    keep: Annotated[
        int | None, option("--keep", "Keep weights of so many best trials, besides the reported; default: 3.", min=0)
    ] = None


def expand(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take options by group: a parameter of dataclass type becomes one option per field.

    Typer knows no groups, and several commands share these.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind) and isinstance(kind, type)}
    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name not in groups:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        group = groups[parameter.name]
        annotations = get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default if field.default is not field.default_factory else inspect.Parameter.empty,
                annotation=annotations[field.name],
            )
            for field in fields(group)
        ]

    @functools.wraps(command)
    def call(**values: Any) -> None:
        gathered: dict[str, Any] = {
            name: group(**{field.name: values.pop(field.name) for field in fields(group)})
            for name, group in groups.items()
        }
        command(**gathered, **values)

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what Typer reads
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call
