"""How a study stands, as text for Prometheus, at a port of a worker of it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from storage import StorageError
from sweep.errors import UsageError
from sweep.listening import Address, resolve, unusable

FRESH_SECONDS = 5.0  # so long one look serves all who ask
LOOPBACK = "127.0.0.1"
OPTION = "--metrics-port"
STATES = ("complete", "pruned", "running", "waiting", "failed")

Look = Callable[[], Mapping[str, Any]]


def parse_address(text: str) -> Address:
    """Read `9100`, which is at this host alone, `0.0.0.0:9100` or `[::]:9100`.

    Raises:
        UsageError: If it is no such address, or the host stands for nothing.
    """
    host, _, port = text.strip().rpartition(":")
    if not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise UsageError(
            f"'{text}' is no port to answer Prometheus at. Expected a TCP port such as 9100, for this host alone, "
            "or an address and a port such as 0.0.0.0:9100; port 0 takes a free one."
        )
    return resolve(host or LOOPBACK, int(port))


@contextmanager
def scraped(address: Address, look: Look) -> Iterator[str]:
    """Answer Prometheus in a thread.

    Args:
        address: Where; the first of several numeric addresses.
        look: Returns what `sweep status --json` prints.

    Returns:
        The URL.

    Raises:
        WorldError: If another program has the port, or the address is none of this host.
    """
    registry = CollectorRegistry()
    registry.register(StudyCollector(look))
    try:
        server, thread = start_http_server(address.port, address.resolved[0], registry)
    except OSError as error:
        raise unusable(address, error, option=OPTION) from error
    try:
        yield f"{address.url(server.server_port)}/metrics"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class StudyCollector(Collector):
    """What `sweep status` knows of one study, as gauges.

    Args:
        look: Returns what `sweep status --json` prints.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._document: Mapping[str, Any] | None = None
        self._looked = float("-inf")  # monotonic seconds

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the store is asked when Prometheus is there."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges now; of a store that does not answer only that."""
        with self._lock:
            if time.monotonic() - self._looked > FRESH_SECONDS:
                try:
                    self._document = self._look()
                except StorageError:
                    self._document = None
                self._looked = time.monotonic()
            document = self._document
        reachable = GaugeMetricFamily("sweep_store_reachable", "Whether the study's store answers.")
        reachable.add_metric((), 0.0 if document is None else 1.0)
        yield reachable
        if document is not None:
            yield from _of_study(document)
            yield from _of_hosts(document)


def _of_study(document: Mapping[str, Any]) -> Iterator[Metric]:
    study = document["study"]

    def gauge(name: str, text: str, values: Mapping[str, float | None], label: str | None = None) -> Metric:
        found = GaugeMetricFamily(f"sweep_{name}", text, labels=("study", label) if label else ("study",))
        for key, value in values.items():
            if value is not None:
                found.add_metric((study, key) if label else (study,), value)
        return found

    best, pace = document["best"], document["pace"]
    yield gauge("trials", "Trials by state.", {state: document[state] for state in STATES}, "state")
    yield gauge("waiting_trials", "Waiting trials by what they are.", document["queue"], "kind")
    yield gauge("failed_trials", "Failed trials by their kind.", document["failures"], "kind")
    yield gauge("trials_wanted", "Finished trials that end the study.", {"": document["trials_wanted"]})
    yield gauge("best_validation_accuracy", "Of the best trial.", {"": None if best is None else best["value"]})
    yield gauge(
        "trials_per_hour",
        "Trials that came to their end in the last hour, or since the first one began, by the hour.",
        {"": None if pace is None else 3600 * pace["finished"] / pace["seconds"]},
    )
    yield gauge("study_ended", "Whether the study has ended.", {"": float(document["ended"] is not None)})


def _of_hosts(document: Mapping[str, Any]) -> Iterator[Metric]:
    for field, text in (
        ("workers", "Workers that train."),
        ("slots", "Trainers of these workers, at work or not."),
        ("running", "Trials under way."),
        ("silent_seconds", "Since the last heartbeat of that trial that was heard of longest ago."),
    ):
        found = GaugeMetricFamily(f"sweep_host_{field}", text, labels=("study", "host"))
        for host in document["hosts"]:
            if host[field] is not None:
                found.add_metric((document["study"], host["host"] or ""), host[field])
        yield found
