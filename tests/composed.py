"""docker-compose.yml as its containers see it, and the database roles that its PostgreSQL makes."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import yaml
from sqlalchemy.engine import make_url

ROOT = Path(__file__).parents[1]
ROLES = ROOT / "deploy" / "postgres" / "roles.sql"
OWNER, WORKER, READER = "sweep", "sweep_worker", "sweep_reader"
PASSWORDS = {
    "POSTGRES_PASSWORD": "the owner's",
    "POSTGRES_WORKER_PASSWORD": "it's a \\worker's",
    "POSTGRES_READER_PASSWORD": "the reader's",
    "SWEEP_DASHBOARD_PASSWORD": "the dashboard's",
}
VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\})")


def compose_services(settings: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The services by name, as they stand in the file, or with the variables of an .env file put in.

    Args:
        settings: The .env file, or None to leave variables as they are. Default: None.
    """
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if settings is None:
        return services
    for service in services.values():
        environment = service.get("environment", {})
        service["environment"] = {
            name: settings[name] if value is None else value
            for name, value in environment.items()
            if value is not None or name in settings
        }
    filled: dict[str, Any] = _fill(services, settings)
    return filled


def _fill(value: Any, settings: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: _value(found, settings), value)
    if isinstance(value, list):
        return [_fill(each, settings) for each in value]
    if isinstance(value, dict):
        return {name: _fill(each, settings) for name, each in value.items()}
    return value


def _value(found: "re.Match[str]", settings: Mapping[str, str]) -> str:
    if found["dollar"]:
        return "$"
    value = settings.get(found["name"], "")
    if not value and found["how"] == ":?":
        raise KeyError(found["rest"])
    return value or (found["rest"] or "")


def as_role(url: str, role: str) -> str:
    """The URL of a database for another role."""
    return make_url(url).set(username=role).render_as_string(hide_password=False)


def own(url: str) -> None:
    """Give a database to the role that owns it in a container of PostgreSQL; there it is a superuser, too."""
    with psycopg.connect(_libpq(url), autocommit=True) as connection:
        if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone() is None:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN SUPERUSER")
        connection.execute(f"ALTER DATABASE {make_url(url).database} OWNER TO {OWNER}")


def run_roles(programs: Path, url: str, passwords: Mapping[str, str] = PASSWORDS) -> "subprocess.CompletedProcess[str]":
    """Run roles.sql as its owner, as PostgreSQL's image runs what lies in its folder.

    Args:
        programs: Folder of psql.
        url: The database.
        passwords: The environment's. Default: PASSWORDS.
    """
    surroundings = {name: value for name, value in os.environ.items() if name not in PASSWORDS}
    command = [programs / "psql", "-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc"]
    return subprocess.run(
        [*command, "--dbname", _libpq(as_role(url, OWNER)), "-f", ROLES],
        env=surroundings | dict(passwords),
        capture_output=True,
        text=True,
        check=False,
    )


def _libpq(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
