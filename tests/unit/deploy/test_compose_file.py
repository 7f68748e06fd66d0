"""docker-compose.yml: who gets which password, what a line in .env changes, and what a service may rely on."""

import json
import re
import subprocess

import pytest
import typer
import yaml

from sweep.cli.main import app
from sweep.worker.loop import CLOSE_SECONDS, LEAVE_SECONDS
from sweep.worker.trainer_process import STOP_SECONDS
from tests.composed import OWNER, PASSWORDS, READER, ROOT, WORKER, compose_services

PROMISE_SECONDS = 10  # a worker that is told to leave is gone
OURS = ("init", "worker", "dashboard", "serve")
HOLDERS = {
    "POSTGRES_PASSWORD": {"postgres", "init"},
    "POSTGRES_WORKER_PASSWORD": {"postgres", "worker"},
    "POSTGRES_READER_PASSWORD": {"postgres", "dashboard"},
    "SWEEP_DASHBOARD_PASSWORD": {"dashboard"},
}


@pytest.fixture
def services():
    return compose_services()


@pytest.fixture
def with_settings():
    """The services under lines of .env besides the passwords."""

    def read(**settings):
        return compose_services(PASSWORDS | settings)

    return read


def variables_of(command):
    """Of the options of one of our commands."""
    found = typer.main.get_command(app).commands[command].params
    return {str(parameter.envvar) for parameter in found if parameter.envvar}


@pytest.mark.parametrize("files", [["docker-compose.yml"], ["docker-compose.yml", "deploy/compose.gpu.yml"]])
def test_compose_takes_the_files(program, env_file, files):
    named = [argument for file in files for argument in ("-f", ROOT / file)]
    profiles = ("--profile", "s3", "--profile", "serve")
    command = [program("docker-compose"), "--env-file", env_file, *profiles, *named, "config"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    written = dict(line.split("=") for line in env_file.read_text().splitlines() if re.match(r"\w+=", line))
    read, ours = yaml.safe_load(answer.stdout)["services"], compose_services(written)
    assert read.keys() == ours.keys()
    for name, service in ours.items():
        expected = service.get("environment", {})
        assert {key: value for key, value in read[name].get("environment", {}).items() if value is not None} == expected


def test_workers_take_the_gpus_that_the_other_file_asks_for():
    override = yaml.safe_load((ROOT / "deploy" / "compose.gpu.yml").read_text())["services"]
    assert override.keys() == {"worker"}
    (device,) = override["worker"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}
    assert override["worker"]["build"]["args"] == {"EXTRAS": "gpu"}


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_without_a_password_it_says_which_one_is_missing(missing):
    given = {name: value for name, value in PASSWORDS.items() if name != missing}
    with pytest.raises(KeyError, match=f"Put {missing} into .env first"):
        compose_services(given)


def test_nobody_gets_a_password_that_is_not_his(with_settings):
    services = with_settings()
    assert HOLDERS.keys() == PASSWORDS.keys()
    for name, service in services.items():
        text = json.dumps(service, ensure_ascii=False)
        given = {each for each, value in PASSWORDS.items() if json.dumps(value, ensure_ascii=False)[1:-1] in text}
        assert given == {each for each, holders in HOLDERS.items() if name in holders}


def test_each_part_comes_to_the_database_in_its_own_role(services):
    roles = {"init": OWNER, "worker": WORKER, "dashboard": READER}
    for name, role in roles.items():
        url = services[name]["environment"]["SWEEP_STORAGE"]
        assert url == f"postgresql+psycopg://{role}@postgres:5432/sweep"  # no password: libpq takes PGPASSWORD


def test_every_option_of_create_and_join_is_a_line_in_the_env_file(services):
    fixed = {"SWEEP_HOME", "SWEEP_STORAGE"}  # in the container they are what they are
    for name, command in (("init", "create"), ("worker", "join"), ("dashboard", "dashboard")):
        given = set(services[name]["environment"])
        wanted = variables_of(command) - fixed
        if name == "dashboard":
            wanted -= {"SWEEP_HOST", "SWEEP_PORT", "SWEEP_ALLOW_EDITS"}
        assert wanted <= given, wanted - given


def test_a_variable_that_is_not_set_is_not_passed_on_empty(with_settings):
    assert "" not in with_settings()["init"]["environment"].values()
    assert with_settings(SWEEP_TRIALS="7")["init"]["environment"]["SWEEP_TRIALS"] == "7"


@pytest.mark.parametrize(
    ("settings", "study"),
    [
        ({}, "grouped"),
        ({"SWEEP_FAMILY": "isolated"}, "isolated"),
        ({"SWEEP_FAMILY": "isolated", "SWEEP_STUDY": "a second one"}, "a second one"),
    ],
    ids=["default", "family", "study"],
)
def test_one_line_changes_the_study_for_all(with_settings, tmp_path, settings, study):
    """The services' own words, with a `sweep` that says what it was called with."""
    stand_in = tmp_path / "sweep"
    stand_in.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    stand_in.chmod(0o755)
    said = {}
    for name in ("init", "worker"):
        service = with_settings(**settings)[name]
        environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", **service["environment"]}
        answer = subprocess.run(service["command"], env=environment, capture_output=True, text=True, check=True)
        said[name] = answer.stdout
    assert said == {"init": f"create|--study|{study}|", "worker": f"join|{study}|"}


def test_what_ends_well_is_not_started_again(services):
    assert services["worker"]["restart"] == "on-failure"  # 0: the study has ended
    assert re.fullmatch(r"on-failure:\d+", services["init"]["restart"])  # a usage error is not asked for ever
    for name in ("worker", "dashboard"):
        assert services[name]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
    assert services["init"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_a_worker_has_longer_to_leave_than_it_takes(services):
    assert max(LEAVE_SECONDS + CLOSE_SECONDS, STOP_SECONDS) < PROMISE_SECONDS
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) > PROMISE_SECONDS


def test_ports_are_open_to_this_host_alone(services):
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert published.keys() == {"dashboard", "serve", "serving"}
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_files_are_shared_and_only_workers_and_init_write_them(services):
    mounted = {name: services[name].get("volumes", []) for name in OURS}
    assert mounted["init"] == mounted["worker"] == ["home:/home/sweep/sweep-data"]
    assert mounted["dashboard"] == ["home:/home/sweep/sweep-data:ro"]
    assert all(volume.endswith(":ro") for volume in mounted["serve"])


def test_our_containers_have_no_rights_to_spare(services):
    for name in OURS:
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["security_opt"] == ["no-new-privileges:true"]
        assert "init" not in services[name]  # the image has its own first process


def test_images_of_others_are_named_by_version(services):
    images = {service["image"] for service in services.values() if "build" not in service}
    assert images == {"postgres:17", "chrislusf/seaweedfs:4.48", "tensorflow/serving:2.21.0"}


def test_the_database_makes_its_roles_from_the_file(services):
    mounted = "./deploy/postgres/roles.sql:/docker-entrypoint-initdb.d/roles.sql:ro"
    assert mounted in services["postgres"]["volumes"]
    assert (ROOT / "deploy" / "postgres" / "roles.sql").is_file()


def test_the_store_for_files_refuses_to_be_open_to_everybody(with_settings):
    service = with_settings()["s3"]
    for keys in ({}, {"AWS_ACCESS_KEY_ID": "sweep"}):
        command = [part.replace("exec /entrypoint.sh", "echo started") for part in service["entrypoint"]]
        answer = subprocess.run(command, env=keys, capture_output=True, text=True, check=False)
        assert answer.returncode != 0
        assert "Put it into .env first" in answer.stderr
    keys = {"AWS_ACCESS_KEY_ID": "sweep", "AWS_SECRET_ACCESS_KEY": "secret"}
    answer = subprocess.run(command, env=keys, capture_output=True, text=True, check=True)
    assert answer.stdout == "started mini -dir=/data -bucket=sweep\n"
