"""optuna-dashboard on one of our stores, as an application for any WSGI server."""

import logging
import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna_dashboard

from storage.address import Address
from storage.artifact_store import ArtifactNotFound, SharedArtifactStore
from storage.errors import PlaceError
from storage.plain import PlainStorage
from sweep.guarding import SAFE_METHODS, answer_reason
from sweep.places import ATTRIBUTE, ForeignPlaceError, recorded_place

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

STUDY_PATH = re.compile(r"/api/studies/(\d+)(?:/|$)")

WRAPPING = b"<style>main p.MuiTypography-body1 { white-space: pre-wrap; overflow-wrap: anywhere; }</style>"

logger = logging.getLogger(__name__)


class Dashboard:
    """The dashboard; what it shows is read, what its page changes goes another way.

    Args:
        storage: The store.
        artifacts: Folder of the trials' files; need not exist. What is not in it comes from its study's place.
    """

    def __init__(self, storage: PlainStorage, artifacts: Path) -> None:
        self._storage = storage
        self._artifacts = SharedArtifactStore(artifacts, self._places)
        self._lock = threading.Lock()
        self._reading = self._make(storage.to_read())
        to_write = storage.to_write()
        self._writing = None if to_write is None else self._make(to_write)
        self._seen: dict[int, tuple[str, int, datetime | None]] = {}

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        is_edit = environ["REQUEST_METHOD"] not in SAFE_METHODS
        try:
            application = self._writing if is_edit else self._current(environ.get("PATH_INFO", ""))
            if application is None:
                reason = "The store was opened for reading only."
                return answer_reason(environ, start_response, HTTPStatus.METHOD_NOT_ALLOWED, reason)
            answer = _edited if is_edit else _wrapped
            return answer(application, environ, start_response)
        except ArtifactNotFound:
            reason = "The file of this artifact is not in the artifact folder; it may lie on another host."
            return answer_reason(environ, start_response, HTTPStatus.NOT_FOUND, reason)
        except PlaceError as error:
            logger.warning("%s", error)
            reason = "The file of this artifact is not on this host, and its study's place cannot give it."
            return answer_reason(environ, start_response, HTTPStatus.BAD_GATEWAY, reason)
        except Exception as error:  # the last resort of a server: one request fails, and it goes on
            logger.warning("%s", error, exc_info=logger.isEnabledFor(logging.INFO))
            reason = "This could not be answered; the terminal that the dashboard runs in says why."
            return answer_reason(environ, start_response, HTTPStatus.INTERNAL_SERVER_ERROR, reason)

    def _current(self, path: str) -> "WSGIApplication":
        """What reads, made anew where a study was deleted and its id belongs to another one now."""
        wanted = STUDY_PATH.match(path)
        if wanted is None:
            return self._reading
        study_id = int(wanted[1])
        now = self._storage.first_trial(study_id)
        with self._lock:
            before = self._seen.get(study_id)
            # A first trial that only begins is the same one; a study that is gone may come back as another.
            if before is not None and (now is None or now[:2] != before[:2] or before[2] not in (None, now[2])):
                self._seen.clear()
                self._reading = self._make(self._storage.to_read())
            if now is not None:
                self._seen[study_id] = now
            return self._reading

    def _places(self) -> dict[str, Address]:
        """Where the studies that have a place keep their files."""
        found = {}
        for name, attributes in self._storage.study_attributes().items():
            if ATTRIBUTE in attributes:
                with suppress(ForeignPlaceError):  # another tool's attribute of that name
                    found[name] = recorded_place(name, attributes[ATTRIBUTE])
        return found

    def _make(self, storage: object) -> "WSGIApplication":
        application: Any = optuna_dashboard.wsgi(storage, artifact_store=self._artifacts)
        application.catchall = False  # else a missing file is a traceback, and an answer that says nothing
        made: WSGIApplication = application
        return made


def _edited(
    application: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer a change that succeeded with a document: the page of 0.21 takes "204 No Content" for a failure."""
    documents: list[bytes] = []

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        if not status.startswith("204"):
            return start_response(status, headers, *error)
        documents.append(b"{}")
        return start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "2")], *error)

    answer = application(environ, start)
    return documents or answer


def _wrapped(
    application: "WSGIApplication", environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    """Answer a page with long attributes wrapped: in one line, a matrix makes the page of 0.21 three screens wide."""
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
        if environ["REQUEST_METHOD"] != "GET" or "text/html" not in dict(headers).get("Content-Type", ""):
            return start_response(status, headers, *error)
        started.append((status, headers))
        return None

    answer = application(environ, start)
    if not started:
        return answer
    body = b"".join(answer).replace(b"</head>", WRAPPING + b"</head>")
    status, headers = started[0]
    kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
    start_response(status, [*kept, ("Content-Length", str(len(body)))])
    return [body]
