"""The commands that serve pages until they are told to end: dashboard."""

import logging
import os
import sys
from collections.abc import Sequence

from storage import Location
from storage.artifacts import artifacts_folder
from storage.connecting import root_of
from storage.plain import open_plain_storage
from sweep.cli.options import Place
from sweep.cli.place import location, make_home
from sweep.cli.streams import notes
from sweep.errors import UsageError
from sweep.guarding import Guard, Rules
from sweep.listening import Address, listening, resolve, serve

PASSWORD = "SWEEP_DASHBOARD_PASSWORD"  # noqa: S105 - its variable; an option would show it to every user of the host


def dashboard(place: Place, *, host: str, port: int, allow_edits: bool) -> int:
    """Serve optuna-dashboard; returns the exit code."""
    password = os.environ.get(PASSWORD) or None
    address = resolve(host, port)
    _refuse_open_door(address, password)
    where = location(place)

    artifacts = artifacts_folder(place.home, where)
    with open_plain_storage(where, write=allow_edits) as storage, listening(address) as sockets:
        from sweep.dashboard import Dashboard  # it brings scikit-learn: after whatever can be refused at once

        if allow_edits:
            make_home(artifacts)
        if not place.verbose:
            _log_briefly(where, ("optuna_dashboard", "sweep.dashboard"))
        rules = Rules(
            hosts=address.names if address.is_loopback else None,
            password=password,
            allow_edits=allow_edits,
        )
        application = Guard(Dashboard(storage, artifacts), rules)
        url = address.url(sockets[0].getsockname()[1])
        mode = "changes allowed" if allow_edits else "read-only"
        asked = ", password asked" if password else ""
        line = f"Dashboard of {where} at {url} ({mode}{asked}). Ctrl-C ends it."
        return serve(application, sockets, lambda: notes.print(line, soft_wrap=True))


def _refuse_open_door(address: Address, password: str | None) -> None:
    if address.is_loopback or password is not None:
        return
    raise UsageError(
        f"--host {address.host} lets others in, and no password is set. Set one in the environment ({PASSWORD}=…), "
        "or keep to this host (--host 127.0.0.1) and reach it through a tunnel (ssh -L)."
    )


def _log_briefly(where: Location, names: Sequence[str]) -> None:
    """Have a request that failed told in one line, not in a traceback, and without the store's password."""

    class OneLine(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The dashboard tells of a failure while it handles it, and Optuna hides what the database said.
            failure = sys.exc_info()[1]
            told = record.getMessage() if failure is None else str(root_of(failure))
            line = next(iter(told.strip().splitlines()), "") or type(failure).__name__
            for secret in where.passwords:
                line = line.replace(secret, "***")
            notes.print(f"A request failed: {line}", soft_wrap=True)

    for name in names:
        logger = logging.getLogger(name)
        logger.addHandler(OneLine())
        logger.propagate = False
