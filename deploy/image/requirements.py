"""Prints what an image installs before the project itself: its dependencies, and those of the extras that are named."""

import sys
import tomllib
from pathlib import Path


def requirements(project_file: Path, extras: list[str]) -> list[str]:
    """What the project's build, the project and some of its extras need, in the order of pyproject.toml.

    Args:
        project_file: A pyproject.toml.
        extras: Names of optional dependencies; spaces and commas in a name part it.

    Raises:
        SystemExit: If there is no such extra, or if it refers to the project itself, which is not installed yet.
    """
    content = tomllib.loads(project_file.read_text())
    project = content["project"]
    known = project["optional-dependencies"]
    found = [*content["build-system"]["requires"], *project["dependencies"]]
    for extra in " ".join(extras).replace(",", " ").split():
        if extra not in known:
            raise SystemExit(f"No extra named '{extra}'. Known: {', '.join(known)}.")
        if any(each.startswith(f"{project['name']}[") for each in known[extra]):
            raise SystemExit(f"The extra '{extra}' stands for other extras: name these.")
        found += known[extra]
    return found


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1:])))  # noqa: T201 - what it is for
