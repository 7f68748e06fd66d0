"""The commands on models: parse, one call, print. Everything heavy is imported by the command that needs it."""

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.app import JsonOption, StudyArgument, app
from sweep.cli.options import Means, Place, expand, option


@app.command()
@expand
def export(
    study: StudyArgument,
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; with --format config a file.")],
    format: Annotated[  # noqa: A002
        list[str] | None,
        typer.Option(
            "--format",
            help="onnx or litert besides the folder's own, may be repeated; or config: the configuration alone.",
        ),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(
            "--trial",
            help="Its number; default: what was confirmed best, its full model if it has one; else the best trial.",
            min=0,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an exported model, or file.")] = False,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train it again if its weights were not kept.")] = False,
    means: Means,
    place: Place,
) -> None:
    """Write the best model as a folder that runs elsewhere and has proved its own score."""
    from sweep.cli import exporting

    code = exporting.export(
        study, means, place, out=out, formats=format or [], trial=trial, force=force, retrain=retrain
    )
    raise typer.Exit(code)


@app.command()
@expand
def serve(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `sweep export` wrote.")],
    *,
    host: Annotated[
        str, option("--host", "Address to listen at; whoever reaches it may ask: there is no password.")
    ] = "127.0.0.1",
    port: Annotated[int, option("--port", "TCP port; 0 takes a free one.", min=0, max=65535)] = 8000,
    place: Place,
) -> None:
    """Answer images over HTTP with an exported model."""
    from sweep.cli import service

    raise typer.Exit(service.serve(folder, place, host=host, port=port))


@app.command()
@expand
def predict(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `sweep export` wrote.")],
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE…", help="Image files, or folders of them.")],
    *,
    json: JsonOption = False,
    place: Place,
) -> None:
    """Say which label images have, with an exported model."""
    from sweep.cli import modelling

    raise typer.Exit(modelling.predict(folder, images, json=json))


@app.command()
@expand
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that `sweep export` wrote.")],
    *,
    dataset: Annotated[
        str | None,
        typer.Option("--dataset", help="Where the data set is now, if not where the export found it."),
    ] = None,
    data_dir: Annotated[
        Path | None, option("--data-dir", "Folder with Fashion-MNIST's four files; only there is looked.")
    ] = None,
    json: JsonOption = False,
    place: Place,
) -> None:
    """Check that an exported model is unchanged and does what it says."""
    from sweep.cli import modelling

    raise typer.Exit(modelling.verify(folder, place, dataset=dataset, data_dir=data_dir, json=json))
