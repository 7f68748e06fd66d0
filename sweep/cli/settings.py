"""Defaults from `sweep.toml` in the working directory: flag > variable > file > default."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweep.errors import UsageError
from sweep.names import nearest


def read_settings(path: Path, options: Mapping[str, set[str]]) -> dict[str, dict[str, Any]]:
    """Read the file, if there is one, as Typer's default map.

    At the top of the file stand options of any command (`home = "/data/sweep"`), under `[start]` those of one.

    Args:
        path: The file.
        options: The options that each command has.

    Raises:
        UsageError: If it is no TOML, or names a command or an option that does not exist.
    """
    try:
        content = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error
    everywhere = {_name(key): value for key, value in content.items() if not isinstance(value, dict)}
    sections = {name: value for name, value in content.items() if isinstance(value, dict)}
    _refuse_unknown(path, sections, options, "command")
    _refuse_unknown(path, everywhere, set().union(*options.values()), "option")
    for command, section in sections.items():
        _refuse_unknown(path, {_name(key) for key in section}, options[command], f"option of [{command}]")
    return {
        command: {name: value for name, value in everywhere.items() if name in names}
        | {_name(key): value for key, value in sections.get(command, {}).items()}
        for command, names in options.items()
    }


def _name(key: str) -> str:
    return key.replace("-", "_")


def _refuse_unknown(path: Path, names: Any, known: Any, what: str) -> None:
    for name in names:
        if name not in known:
            raise UsageError(
                f"{path}: no {what} named '{name}'.{nearest(name, known)} Known: {', '.join(sorted(known))}."
            )
