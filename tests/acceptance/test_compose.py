"""The services of docker-compose.yml, run without containers: their own commands against a real PostgreSQL."""

import base64
import os
import subprocess
import sys
import urllib.request
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

    def run(name, **changes):
        service = services[name]
        environment = {
            key: value.replace("${SWEEP_FAMILY:-grouped}", "isolated") for key, value in service["environment"].items()
        }
        assert "@postgres:5432/sweep" in environment["SWEEP_STORAGE"]
        environment["SWEEP_STORAGE"] = postgres_url
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        process = subprocess.Popen(
            service["command"], env=os.environ | environment | {"PATH": path} | changes, cwd=tmp_path, text=True
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()


def test_the_worker_and_the_dashboard_meet_in_postgresql(surroundings, free_port, answer_of):
    assert surroundings("worker", **TINY).wait(timeout=120) == 0
    dashboard = surroundings("dashboard", SWEEP_PORT=str(free_port), SWEEP_DASHBOARD_PASSWORD="secret")
    asked = urllib.request.Request(
        f"http://127.0.0.1:{free_port}/api/studies",
        headers={"Authorization": f"Basic {base64.b64encode(b'anyone:secret').decode()}"},
    )
    studies = answer_of(asked, dashboard)["study_summaries"]
    assert [study["study_name"] for study in studies] == ["isolated-quick"]


def test_no_password_ships(services):
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    password = services["dashboard"]["environment"]["SWEEP_DASHBOARD_PASSWORD"]
    assert password.startswith("${SWEEP_DASHBOARD_PASSWORD:?")
    for port in services["dashboard"]["ports"]:
        assert port.startswith("127.0.0.1:")  # it speaks plain HTTP


def test_the_dashboard_has_the_figures_that_the_worker_writes(services):
    (written,), (shown,) = (services[name]["volumes"] for name in ("worker", "dashboard"))
    assert shown == f"{written}:ro"


def test_the_worker_has_longer_to_leave_than_it_promises_to_take(services):
    assert int(services["worker"]["stop_grace_period"].removesuffix("s")) > 10
