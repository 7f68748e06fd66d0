"""`make up`: passwords of one's own, written once, and what is said where Docker is missing."""

import re
import stat
import subprocess

import pytest

from tests.composed import PASSWORDS, ROOT, compose_services

DOCKER = """#!/bin/sh
echo "docker $*" >> "$CALLS"
case "$*" in
    "compose version") exit {plugin} ;;
    info) exit {engine} ;;
esac
"""


@pytest.fixture
def machine(program, tmp_path):
    """Runs make in an empty folder, with a docker that notes how it was called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "bash", "od", "tr", "mv", "test", "echo", "true"):
        (programs / name).symlink_to(program(name))

    def install(name, text):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def run(target, *, docker=True, plugin=True, program_of_its_own=False, engine=True):
        (tmp_path / "calls").write_text("")
        for name in ("docker", "docker-compose"):
            (programs / name).unlink(missing_ok=True)
        if docker:
            install("docker", DOCKER.format(plugin=int(not plugin), engine=int(not engine)))
        if program_of_its_own:
            install("docker-compose", '#!/bin/sh\necho "docker-compose $*" >> "$CALLS"\n')
        environment = {"PATH": str(programs), "CALLS": str(tmp_path / "calls"), "HOME": str(tmp_path)}
        answer = subprocess.run(
            [program("make"), "-f", ROOT / "Makefile", f"SHELL={programs / 'bash'}", target],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return answer, (tmp_path / "calls").read_text().splitlines()

    return run


def settings_of(path):
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if re.match(r"\w+=", line))


def test_passwords_are_long_all_different_and_nobody_else_s_to_read(machine, tmp_path):
    answer, _ = machine(".env")
    assert answer.returncode == 0, answer.stderr
    settings = settings_of(tmp_path / ".env")
    words = [settings[name] for name in [*PASSWORDS, "AWS_SECRET_ACCESS_KEY"]]
    assert all(re.fullmatch(r"[0-9a-f]{32}", word) for word in words)
    assert len(set(words)) == len(words)
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert not (tmp_path / ".env.new").exists()
    assert not [word for word in words if word in answer.stdout + answer.stderr]


def test_its_lines_for_a_store_of_files_name_the_one_of_compose(machine, tmp_path):
    machine(".env")
    text = (tmp_path / ".env").read_text().replace("\n#", "\n")
    (tmp_path / ".env").write_text(text)
    settings = settings_of(tmp_path / ".env")
    store = compose_services(settings)[settings["COMPOSE_PROFILES"]]
    assert store["profiles"] == [settings["COMPOSE_PROFILES"]]
    bucket = re.fullmatch(r"s3://(\w+)/\w+", settings["SWEEP_ARTIFACTS"])[1]
    assert f"-bucket={bucket} " in store["entrypoint"][-1].replace("\n", " ")
    port = re.fullmatch(r"http://s3:(\d+)", settings["AWS_ENDPOINT_URL"])[1]
    assert f":{port}/" in store["healthcheck"]["test"][-1]
    assert store["environment"].items() <= settings.items()


def test_what_stands_in_the_file_is_never_written_over(machine, tmp_path):
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=mine\n")
    machine("up")
    assert (tmp_path / ".env").read_text() == "POSTGRES_PASSWORD=mine\n"


def test_it_starts_everything_and_says_where_to_look(machine, tmp_path):
    answer, calls = machine("up")
    assert answer.returncode == 0, answer.stderr
    assert calls[-1] == "docker compose up --build --detach"
    assert "http://127.0.0.1:8080" in answer.stdout
    assert "SWEEP_DASHBOARD_PASSWORD in .env" in answer.stdout
    assert (tmp_path / ".env").exists()


def test_the_older_compose_serves_where_the_plugin_is_missing(machine):
    answer, calls = machine("up", plugin=False, program_of_its_own=True)
    assert answer.returncode == 0, answer.stderr
    assert calls[-1] == "docker-compose up --build --detach"
    assert "docker-compose logs" in answer.stdout


@pytest.mark.parametrize("missing", ["docker", "plugin", "engine"])
def test_what_is_missing_is_said_in_one_line_with_the_way_out(machine, missing):
    answer, calls = machine("up", **{missing: False})
    assert answer.returncode != 0
    (line,) = [line for line in answer.stdout.splitlines() if "needed" in line]
    assert "make sweep" in line
    assert not [call for call in calls if " up " in call]


def test_stopping_keeps_what_was_made(machine):
    _, calls = machine("down")
    assert calls[-1] == "docker compose down"  # volumes stay


def test_the_file_with_the_passwords_is_kept_out_of_git():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", ".env.new"} <= set(ignored)
