"""A dashboard that was started as people start it, and the study it shows."""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import optuna

from storage import locate, open_store

SWEEP = Path(sys.executable).parent / "sweep"
SECONDS = 60.0
STUDY = "isolated"
ODD_STUDY = "<b>odd</b> & 'name' / ü%20"
QUEUED_STUDY = "queued"  # none of its trials has begun
SCRIPT = "document.title = 'taken over'"
FILES = ("curve.png", "figure.svg", "page.html", "table.csv")


@dataclass(frozen=True)
class Answer:
    """What a server answered; the names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A dashboard that runs, or has ended."""

    def __init__(self, arguments: tuple[object, ...], folder: Path, variables: dict[str, str]) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
        self.process = subprocess.Popen(
            [str(SWEEP), "dashboard", *map(str, arguments)],
            cwd=folder,
            env=kept | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        self.line = self.process.stderr.readline()  # what it says first: where it is, or why it is not
        found = re.search(r"http://\S+", self.line)
        self.url = found[0] if found else ""

    @property
    def port(self) -> int:
        port = urlsplit(self.url).port
        assert port is not None, self.line
        return port

    def ask(self, path: str, method: str = "GET", *, body: object = None, **headers: str) -> Answer:
        """Send one request; `Sec_Fetch_Site="none"` is a header of that name, `Host=""` leaves it empty."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            named.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, body=content, headers=named)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def end(self) -> tuple[int, str, str]:
        """Its exit code, standard output and standard error, as soon as it ended by itself or by a signal sent."""
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        out, err = self.process.stdout.read(), self.process.stderr.read()  # both end with the process
        return self.process.wait(), out, self.line + err

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def basic(password: str, user: str = "anyone") -> str:
    """An Authorization header as browsers write it."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def make_study(home: Path, values: list[float]) -> None:
    """Store `isolated` with one finished trial a value."""
    with open_store(locate(None, home), write=True) as store:
        study = store.create(STUDY, metric="validation accuracy")
        for value in values:
            study.add_trial(optuna.trial.create_trial(value=value))
