"""The commands on models: parse, one call, print. Everything heavy is imported by the command that needs it."""

from pathlib import Path
from typing import Annotated

import typer

from sweep.cli.app import StudyArgument, app
from sweep.cli.options import Place, expand


@app.command()
@expand
def export(
    study: StudyArgument,
    *,
    out: Annotated[Path, typer.Option("--out", help="File to write.")],
    format: Annotated[str, typer.Option("--format", help="config: the configuration as JSON.")] = "config",  # noqa: A002
    trial: Annotated[int | None, typer.Option("--trial", help="Its number; default: the best.", min=0)] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    place: Place,
) -> None:
    """Write the best configuration, with its metrics and everything needed to train it again."""
    from sweep.cli import changing

    changing.export(study, place, out=out, format=format, trial=trial, force=force)
