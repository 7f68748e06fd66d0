"""The services of docker-compose.yml, run without containers: their own commands against a real PostgreSQL."""

import base64
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml

from sweep.model.predict import quiet
from tests.model_folder import model_folder

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


def test_tensorflow_serving_is_started_only_when_asked_for(services):
    profiles = {name: service.get("profiles") for name, service in services.items()}
    assert profiles == {"postgres": None, "worker": None, "dashboard": None, "serving": ["serve"]}
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", services["serving"]["image"])


def test_tensorflow_serving_finds_the_saved_model_under_its_name_and_cannot_change_it(services):
    (volume,) = services["serving"]["volumes"]
    name = services["serving"]["environment"]["MODEL_NAME"]
    assert volume == f"${{SWEEP_MODEL:-./model}}/saved_model:/models/{name}/1:ro"
    assert services["serving"]["ports"] == ["127.0.0.1:8501:8501"]  # it asks for no password


@pytest.fixture
def exported(tmp_path_factory):
    return model_folder(tmp_path_factory)


@pytest.fixture
def stand_in(exported):
    """Answers as TensorFlow Serving does, by the signature of the saved model that it would load."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet():
        import tensorflow as tf

        signature = tf.saved_model.load(str(exported / "saved_model")).signatures["serving_default"]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.path == "/v1/models/classifier:predict"
            instances = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            outputs = signature(images=tf.constant(instances, tf.uint8))
            rows = [
                {
                    "label": outputs["label"].numpy()[row].decode(),
                    "probabilities": outputs["probabilities"].numpy()[row].tolist(),
                    "scores": outputs["scores"].numpy()[row].tolist(),
                }
                for row in range(len(instances))
            ]
            self.server.answered = rows
            content = json.dumps({"predictions": rows}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_documented_request_is_one_that_the_saved_model_answers(stand_in, exported, tmp_path):
    page = (ROOT / "docs" / "deploying.md").read_text()
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "/v1/models/" in block]
    (tmp_path / "model").symlink_to(exported)
    code = code.replace("127.0.0.1:8501", f"127.0.0.1:{stand_in.server_port}")
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    labels = json.loads((exported / "labels.json").read_text())
    with np.load(exported / "proof.npz") as proof:
        expected = proof["probabilities"][:2]
    assert [line.split()[0] for line in printed.splitlines()] == [labels[row.argmax()] for row in expected]
    for row, answer in zip(expected, stand_in.answered, strict=True):
        assert answer["probabilities"] == pytest.approx(row.tolist(), abs=1e-4)
        scores = np.exp(np.array(answer["scores"]))
        assert (scores / scores.sum()).tolist() == pytest.approx(row.tolist(), abs=1e-4)
