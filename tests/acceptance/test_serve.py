"""`sweep serve` as a process of its own, asked over real connections."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.model_folder import model_folder

SWEEP = Path(sys.executable).parent / "sweep"
SECONDS = 90.0


class Service:
    """A service that runs, or has ended."""

    def __init__(self, *arguments, folder, **variables):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        self.process = subprocess.Popen(
            [str(SWEEP), "serve", *map(str, arguments)],
            cwd=folder,
            env=kept | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines = []

    def ready(self):
        """Wait until it says where it is."""
        while line := self.process.stderr.readline():
            self.lines.append(line)
            if line.startswith("Try: "):
                self.url = re.search(r"http://[^/\s]+", line)[0]
                self.port = int(self.url.rpartition(":")[2])
                return self
        raise AssertionError("".join(self.lines))

    def end(self):
        """Its exit code, standard output and standard error, as soon as it ended."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, "".join(self.lines) + err

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    return model_folder(tmp_path_factory)


@pytest.fixture
def serve(tmp_path):
    started = []

    def start(*arguments, **variables):
        started.append(Service(*arguments, folder=tmp_path, **variables))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture(scope="module")
def served(exported, tmp_path_factory):
    """A service of the folder, for all tests that only ask."""
    service = Service(exported, "--port", 0, folder=tmp_path_factory.mktemp("served"))
    yield service.ready()
    service.close()


@pytest.fixture(scope="module")
def pictures(exported, tmp_path_factory):
    """A folder of images: of the model's size and not, grey and coloured."""
    folder = tmp_path_factory.mktemp("pictures")
    with np.load(exported / "proof.npz") as proof:
        for index, pixels in enumerate(proof["images"][:40]):
            image = Image.fromarray(pixels[:, :, 0])
            image = image.resize((50 + index, 60)).convert("RGB") if index % 3 == 0 else image
            image.save(folder / f"{index:02}.{'jpg' if index % 2 else 'png'}")
    return folder


def test_its_answers_are_those_of_predict(served, exported, pictures):
    files = sorted(pictures.iterdir())
    said = subprocess.run(
        [SWEEP, "predict", exported, pictures, "--json"], capture_output=True, text=True, check=True, cwd=pictures
    )
    asked = httpx.post(
        f"{served.url}/predict", files=[("image", (str(file), file.read_bytes())) for file in files], timeout=SECONDS
    )
    answers, expected = asked.json(), json.loads(said.stdout)
    assert [answer["image"] for answer in answers] == [answer["image"] for answer in expected] == list(map(str, files))
    for one, other in zip(answers, expected, strict=True):
        assert one["label"] == other["label"]
        assert one["confidence"] == pytest.approx(other["confidence"], abs=1e-6)
        assert [each["label"] for each in one["runners_up"]] == [each["label"] for each in other["runners_up"]]


def test_curl_s_own_line_works(served, pictures):
    """What it says to try."""
    line = served.lines[-1].removeprefix("Try: ").replace("@IMAGE", f"@{pictures / '00.png'}").split()
    if shutil.which("curl") is None:
        pytest.skip("no curl here")  # what curl would send is sent by the other tests, from Python
    (answer,) = json.loads(subprocess.run([*line, "-sS"], capture_output=True, check=True).stdout)
    assert answer["image"] == "00.png"


def test_it_says_where_it_is_and_what_to_try(served, exported):
    assert served.lines == [
        f"Loading {exported} ...\n",
        f"Serving {exported} at {served.url}, explained at {served.url}/docs. Ctrl-C ends it.\n",
        f"Try: curl -F image=@IMAGE {served.url}/predict\n",
    ]


def test_its_software_is_not_announced(served):
    headers = httpx.get(f"{served.url}/health").headers
    assert "server" not in headers
    assert headers["x-content-type-options"] == "nosniff"


def test_thirty_two_clients_are_gathered_into_batches(served, pictures):
    file = (pictures / "01.jpg").read_bytes()
    before = _metric(served, "sweep_images_total"), _metric(served, "sweep_model_duration_seconds_count")
    begin, codes = threading.Barrier(32), []

    def ask():
        with httpx.Client(timeout=SECONDS) as client:
            begin.wait()
            codes.extend(
                client.post(f"{served.url}/predict", files={"image": ("01.jpg", file)}).status_code for _ in range(4)
            )

    clients = [threading.Thread(target=ask) for _ in range(32)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert codes == [200] * 128
    images = _metric(served, "sweep_images_total") - before[0]
    batches = _metric(served, "sweep_model_duration_seconds_count") - before[1]
    assert images == 128
    assert batches < images


def _metric(served, name):
    text = httpx.get(f"{served.url}/metrics").text
    return float(re.search(rf"^{name} (\S+)$", text, re.MULTILINE)[1])


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_who_sends_too_much_reads_why(served, chunked):
    """The answer comes after what was sent was read: else the connection breaks while the sender still writes."""
    body = bytes(20_000_000)
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=SECONDS)
    connection.request(
        "POST",
        "/predict",
        body=iter([body]) if chunked else body,
        headers={"Content-Type": "application/json"},
        encode_chunked=chunked,
    )
    answer = connection.getresponse()
    assert answer.status == 413
    assert "10,000,000 bytes" in json.loads(answer.read())["detail"]
    connection.close()
    assert httpx.get(f"{served.url}/health").status_code == 200


def test_who_asks_first_is_told_before_he_sends(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
        connection.sendall(
            b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n"
        )
        assert connection.recv(12) == b"HTTP/1.1 413"


def test_clients_that_go_away_leave_the_service_as_it_was(served, pictures):
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS) as connection:
            connection.sendall(head + b'{"images"')
    answer = httpx.post(f"{served.url}/predict", files={"image": (pictures / "00.png").read_bytes()}, timeout=SECONDS)
    assert answer.status_code == 200
    assert _metric(served, "sweep_predictions_in_flight") == 0


def test_the_page_is_shown_and_predicts_without_any_network(served, browser, pictures):
    page = browser.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(served.url)
    page.get_by_text("Say which label images have").first.click()
    page.get_by_role("button", name="Add string item").click()
    page.locator("input[type=file]").set_input_files(pictures / "01.jpg")
    page.get_by_role("button", name="Execute").click()
    answer = page.locator(".live-responses-table")
    expect(answer).to_contain_text('"image": "01.jpg"')
    expect(answer).to_contain_text('"confidence"')
    page.close()
    assert complaints == []
    assert asked
    assert all(url.startswith(f"{served.url}/") for url in asked)


def test_ctrl_c_ends_it_without_a_further_word(serve, exported):
    _end_by(signal.SIGINT, 130, serve(exported, "--port", 0).ready())


def test_host_and_port_can_stand_in_the_settings_and_sigterm_ends_it(serve, exported, tmp_path, free_port):
    (tmp_path / "sweep.toml").write_text(f'[serve]\nhost = "localhost"\nport = {free_port}\n')
    service = serve(exported).ready()
    assert service.url == f"http://localhost:{free_port}"
    _end_by(signal.SIGTERM, 143, service)


def _end_by(number, code, service):
    """It says no further word."""
    waiting = socket.create_connection(("127.0.0.1", service.port))  # a client that never asks holds nobody up
    service.process.send_signal(number)
    ended = service.process.wait(timeout=10)
    waiting.close()
    assert ended == code
    assert service.end() == (code, "", "".join(service.lines))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_it_while_it_loads(serve, exported, number, code):
    service = serve(exported, "--port", 0)
    service.lines.append(service.process.stderr.readline())
    assert service.lines == [f"Loading {exported} ...\n"]
    service.process.send_signal(number)
    assert service.end() == (code, "", service.lines[0])


def test_a_port_that_is_taken_is_named_with_the_way_out(serve, exported, served):
    code, out, err = serve(exported, "--port", served.port).end()
    assert (code, out) == (1, "")
    assert err.startswith(f"Error: Port {served.port} of 127.0.0.1 is taken by ")
    assert f"process {served.process.pid}." in err
    assert "--port 0" in err


def test_a_folder_with_a_changed_byte_is_not_loaded(serve, exported, tmp_path):
    folder = Path(shutil.copytree(exported, tmp_path / "changed"))
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    code, out, err = serve(folder, "--port", 0).end()
    assert (code, out) == (1, "")
    assert "model.keras: changed" in err
    assert "Loading" not in err


def test_what_is_no_exported_folder_is_refused_with_the_way_out(serve, tmp_path):
    for name in (tmp_path, tmp_path / "missing"):
        code, out, err = serve(name, "--port", 0).end()
        assert (code, out) == (1, "")
        assert "sweep export" in err
        assert "Traceback" not in err
