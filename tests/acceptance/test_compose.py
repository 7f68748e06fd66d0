"""The services of docker-compose.yml, run without containers: their own commands against a real PostgreSQL."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TINY = {"SWEEP_DATASET": "digits", "SWEEP_LIMIT": "40", "SWEEP_EPOCHS": "1", "SWEEP_TRIALS": "1"}


@pytest.fixture
def services():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]


@pytest.fixture
def surroundings(services, postgres_url, tmp_path):
    """Runs a service's command as its container would, with the database where the test has it."""
    processes = []

    def run(name, port="8080", **changes):
        service = services[name]
        environment = {
            key: value.replace("${SWEEP_FAMILY:-grouped}", "isolated") for key, value in service["environment"].items()
        }
        assert "@postgres:5432/sweep" in environment["SWEEP_STORAGE"]
        environment["SWEEP_STORAGE"] = postgres_url
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        command = [part.replace("$$", "$").replace("8080", port) for part in service["command"]]
        process = subprocess.Popen(
            command, env=os.environ | environment | {"PATH": path} | changes, cwd=tmp_path, text=True
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_the_worker_and_the_dashboard_meet_in_postgresql(surroundings, free_port, answer_of):
    assert surroundings("worker", **TINY).wait(timeout=120) == 0
    dashboard = surroundings("dashboard", port=str(free_port))
    studies = answer_of(f"http://127.0.0.1:{free_port}/api/studies", dashboard)["study_summaries"]
    assert [study["study_name"] for study in studies] == ["isolated-quick"]


def test_no_password_ships(services):
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    for port in services["dashboard"]["ports"]:
        assert port.startswith("127.0.0.1:")  # optuna-dashboard has no password


def test_the_worker_has_longer_to_leave_than_it_promises_to_take(services):
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) > 10
