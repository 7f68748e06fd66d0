"""The services of docker-compose.yml, run without containers: their own commands against a real PostgreSQL."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.engine import make_url

from sweep.model.predict import quiet
from tests.composed import PASSWORDS, ROOT, as_role, compose_services, own, run_roles
from tests.model_folder import model_folder

WORKERS = 2
BUDGET = 4
TINY = {
    "SWEEP_FAMILY": "isolated",
    "SWEEP_DATASET": "digits",
    "SWEEP_LIMIT": "40",
    "SWEEP_EPOCHS": "2",
    "SWEEP_TRIALS": str(BUDGET),
}


@pytest.fixture
def services():
    return compose_services()


@pytest.fixture
def database(postgres, postgres_url):
    """A database with the roles that its container makes."""
    own(postgres_url)
    answer = run_roles(postgres.bin_path, postgres_url)
    assert answer.returncode == 0, answer.stderr
    return postgres_url


@pytest.fixture
def up(database, tmp_path):
    """Runs a service's command as its container would, with the database and the folders where the test has them."""
    processes = []
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("SWEEP_", "AWS_", "PG"))}

    def run(name, **changes):
        service = compose_services(PASSWORDS | TINY)[name]
        environment = dict(service["environment"])
        container = make_url(environment["SWEEP_STORAGE"])
        assert (container.host, container.port, container.database) == ("postgres", 5432, "sweep")
        environment["SWEEP_STORAGE"] = as_role(database, container.username)
        log = tmp_path / f"{name}-{len(processes)}.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                service["command"],
                env=outside | environment | {"PATH": path, "PYTHONUNBUFFERED": "1"} | changes,
                cwd=tmp_path,  # the home's volume is sweep-data in it
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.PIPE if name == "worker" else output,
                text=True,
                start_new_session=True,
            )
        process.log = log
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


@pytest.fixture
def listen():
    """Reads on in what a process says, in a thread, so that its pipe never fills; returns all lines at its end."""
    threads = []

    def begin(process):
        lines = []
        thread = threading.Thread(target=lambda: lines.extend(process.stderr), daemon=True)
        thread.start()
        threads.append(thread)

        def end():
            thread.join()
            return lines

        return end

    yield begin
    for thread in threads:
        thread.join(timeout=10)


def first_line_with(process, part):
    for line in process.stderr:
        if part in line:
            return line
    raise AssertionError(f"It ended without {part!r}.")


@pytest.fixture
def ask(free_port, answer_of):
    """What the dashboard answers at a path, as soon as it listens."""

    def get(path, dashboard):
        words = base64.b64encode(f"anyone:{PASSWORDS['SWEEP_DASHBOARD_PASSWORD']}".encode()).decode()
        asked = urllib.request.Request(
            f"http://127.0.0.1:{free_port}{path}", headers={"Authorization": f"Basic {words}"}
        )
        return answer_of(asked, dashboard)

    return get


def run_health_check(service, port):
    """Whether a service's own health check is content, at another port."""
    how, *command = service["healthcheck"]["test"]
    assert how == "CMD"
    text = re.sub(r"\b(8080|8000)\b", str(port), command[-1])
    command = [sys.executable, *command[1:-1], text]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_worker_trains_what_init_made_and_the_dashboard_shows_it(up, ask, free_port, services):
    assert up("init", SWEEP_TRIALS="1").wait() == 0
    worker = up("worker")
    _, said = worker.communicate()
    assert worker.returncode == 0, said
    dashboard = up("dashboard", SWEEP_PORT=str(free_port))
    (study,) = ask("/api/studies", dashboard)["study_summaries"]
    assert study["study_name"] == TINY["SWEEP_FAMILY"]  # the name that was not given
    trials = ask(f"/api/studies/{study['study_id']}", dashboard)["trials"]
    assert [trial["state"] for trial in trials if trial["state"] != "Waiting"] == ["Complete"]
    assert run_health_check(services["dashboard"], free_port)


@pytest.mark.long
def test_a_study_ends_with_its_budget_though_a_worker_is_killed(up, listen, ask, free_port, services):
    """init, two workers, the dashboard; one worker is killed in the middle of a trial, and started again."""
    assert up("init").wait() == 0
    workers = [up("worker") for _ in range(WORKERS)]
    victim = workers.pop()
    ends = [listen(worker) for worker in workers]
    first_line_with(victim, "epoch 1/2")
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert services["worker"]["restart"] == "on-failure"  # which Docker takes a killed worker for
    again = up("worker")
    workers.append(again)
    ends.append(listen(again))
    codes = [worker.wait() for worker in workers]
    said = "".join(line for end in ends for line in end())
    assert codes == [0] * WORKERS, said

    dashboard = up("dashboard", SWEEP_PORT=str(free_port))
    (study,) = ask("/api/studies", dashboard)["study_summaries"]
    trials = ask(f"/api/studies/{study['study_id']}", dashboard)["trials"]
    states = [trial["state"] for trial in trials]
    assert states.count("Complete") + states.count("Pruned") == BUDGET
    assert states.count("Fail") == 1  # what the killed worker trained
    assert states.count("Running") == 0


def test_a_service_that_nobody_runs_is_not_healthy(services, free_port):
    assert not run_health_check(services["dashboard"], free_port)
    assert not run_health_check(services["serve"], free_port)


def test_each_up_takes_over_what_changed_and_nothing_else(up):
    assert up("init").wait() == 0
    for changes, told in (({}, False), ({"SWEEP_TRIALS": "9"}, True)):
        again = up("init", **changes)
        assert again.wait() == 0
        assert ("Changed trials" in again.log.read_text()) is told


def test_a_study_that_init_did_not_make_is_not_waited_for_for_ever(up):
    assert up("init").wait() == 0
    worker = up("worker", SWEEP_STUDY="isolatd")
    _, errors = worker.communicate()
    assert worker.returncode == 2
    assert "Did you mean 'isolated'?" in errors


def test_an_option_that_cannot_be_is_no_outage(up):
    init = up("init", SWEEP_SAMPLER="tep")
    assert init.wait() == 2
    assert "No sampler named 'tep'" in init.log.read_text()


def test_no_password_ships(services):
    text = json.dumps(services)
    for name in PASSWORDS:
        assert f"${{{name}:?Put {name} into .env first" in text
    named = [
        (name, value)
        for service in services.values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in name
    ]
    assert len(named) == 7
    assert all(re.match(r"\$\{\w+(:\?.*)?\}$", value) for _, value in named)


def test_a_service_of_an_exported_model_answers_and_is_healthy(services, exported, free_port, tmp_path, answer_of):
    assert services["serve"]["volumes"] == ["${SWEEP_MODEL:-./model}:/model:ro"]
    command = [str(exported) if part == "/model" else part for part in services["serve"]["command"]]
    served = subprocess.Popen(
        [Path(sys.executable).parent / command[0], *command[1:]],
        cwd=tmp_path,
        env=os.environ | {"SWEEP_PORT": str(free_port)},
        stderr=subprocess.DEVNULL,
    )
    try:
        assert answer_of(f"http://127.0.0.1:{free_port}/health", served)["status"] == "ok"
        assert run_health_check(services["serve"], free_port)
    finally:
        served.kill()
        served.wait()


def test_what_not_everybody_needs_is_started_only_when_asked_for(services):
    profiles = {name: service["profiles"] for name, service in services.items() if "profiles" in service}
    assert profiles == {"s3": ["s3"], "serve": ["serve"], "serving": ["serve"]}
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
