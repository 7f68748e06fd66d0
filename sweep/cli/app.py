"""The command line's one program, to which the modules of commands add theirs."""

from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    name="sweep",
    help="Train a study's known experiments, search around them, and keep what came out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="Name of the study; see `sweep studies`.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


@app.callback()
def _root(context: typer.Context) -> None:
    from sweep.cli.settings import read_settings

    context.default_map = read_settings(Path("sweep.toml"), _option_names(context.command))


def _option_names(root: Any) -> dict[str, set[str]]:
    """Parameters that a settings file may set, by command."""
    return {
        name: {parameter.name for parameter in each.params if parameter.envvar} for name, each in root.commands.items()
    }
