"""A worker at work, as Prometheus sees it."""

import signal
import urllib.request

from prometheus_client.parser import text_string_to_metric_families


def scraped(url):
    """What Prometheus would read, by name."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return {each.name: each for each in text_string_to_metric_families(answer.read().decode())}


def test_a_worker_tells_prometheus_how_its_study_stands(place, terms, study):
    place.script(default="slow")
    worker = place.start("start", *terms, "--trials", 12, "--metrics-port", 0)
    url = worker.await_line("Answers Prometheus at ").split()[-1]
    worker.await_line("trial 0  epoch")
    # A line comes before the store has it, on a busy machine long before.
    while not (families := scraped(url))["sweep_host_running"].samples:
        worker.await_line("trial 0  epoch")
    assert {sample.labels["study"] for sample in families["sweep_trials"].samples} == {study}
    states = {sample.labels["state"]: sample.value for sample in families["sweep_trials"].samples}
    assert states == {"complete": 0, "pruned": 0, "running": 1, "waiting": 9, "failed": 0}
    for field, value in (("workers", 1), ("slots", 1), ("running", 1)):
        (sample,) = families[f"sweep_host_{field}"].samples
        assert (sample.value, bool(sample.labels["host"])) == (value, True)
    worker.signal_group(signal.SIGINT)
    assert worker.wait() == 130


def test_a_port_that_is_none_is_refused_before_anything_is_stored(place, terms):
    refused = place.run("start", *terms, "--metrics-port", "http", code=2)
    assert "'http' is no port to answer Prometheus at" in refused
    assert not place.home.exists()
