"""How a study stands, as Prometheus reads it."""

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from storage import StorageError
from sweep.errors import UsageError, WorldError
from sweep.listening import resolve
from sweep.scraping import parse_address, scraped

DOCUMENT = {
    "study": "isolated",
    "complete": 3,
    "pruned": 1,
    "running": 2,
    "waiting": 4,
    "failed": 2,
    "trials_wanted": 20,
    "best": {"number": 2, "value": 0.91},
    "ended": None,
    "queue": {"reported": 3, "retry": 1},
    "failures": {"crash": 2},
    "pace": {"finished": 4, "seconds": 1800.0},
    "hosts": [
        {"host": "a", "workers": 1, "running": 2, "slots": 2, "silent_seconds": 3.5},
        {"host": None, "workers": 1, "running": 1, "slots": None, "silent_seconds": None},
    ],
}


def read(url):
    """All samples by name and labels, the study's name left out."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    found = {}
    for sample in (each for family in families for each in family.samples):
        labels = dict(sample.labels)
        assert labels.pop("study", "isolated") == "isolated"
        found[sample.name, *labels.values()] = sample.value
    return found


@pytest.fixture
def scrape():
    """Samples of what a study's status says."""

    def look_at(document):
        with scraped(resolve("127.0.0.1", 0), lambda: document) as url:
            return read(url)

    return look_at


def test_every_number_of_the_status_is_a_gauge(scrape):
    assert scrape(DOCUMENT) == {
        ("sweep_store_reachable",): 1,
        ("sweep_trials", "complete"): 3,
        ("sweep_trials", "pruned"): 1,
        ("sweep_trials", "running"): 2,
        ("sweep_trials", "waiting"): 4,
        ("sweep_trials", "failed"): 2,
        ("sweep_waiting_trials", "reported"): 3,
        ("sweep_waiting_trials", "retry"): 1,
        ("sweep_failed_trials", "crash"): 2,
        ("sweep_trials_wanted",): 20,
        ("sweep_best_validation_accuracy",): 0.91,
        ("sweep_trials_per_hour",): 8,
        ("sweep_study_ended",): 0,
        ("sweep_host_workers", "a"): 1,
        ("sweep_host_workers", ""): 1,
        ("sweep_host_slots", "a"): 2,
        ("sweep_host_running", "a"): 2,
        ("sweep_host_running", ""): 1,
        ("sweep_host_silent_seconds", "a"): 3.5,
    }


def test_what_is_not_known_yet_is_left_out(scrape):
    found = scrape(DOCUMENT | {"best": None, "pace": None, "ended": "trials"})
    assert not {("sweep_best_validation_accuracy",), ("sweep_trials_per_hour",)} & found.keys()
    assert found["sweep_study_ended",] == 1


def test_a_store_that_does_not_answer_is_told_and_asked_again_later(monkeypatch):
    monkeypatch.setattr("sweep.scraping.FRESH_SECONDS", 0.0)
    answers = iter([StorageError("away"), DOCUMENT])

    def look():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with scraped(resolve("127.0.0.1", 0), look) as url:
        assert read(url) == {("sweep_store_reachable",): 0}
        assert read(url)["sweep_store_reachable",] == 1


def test_one_look_serves_all_who_ask_within_seconds():
    looks = []

    def look():
        looks.append(1)
        return DOCUMENT

    with scraped(resolve("127.0.0.1", 0), look) as url:
        assert read(url) == read(url)
    assert len(looks) == 1


def test_the_port_is_free_again_afterwards(scrape):
    with scraped(resolve("127.0.0.1", 0), lambda: DOCUMENT) as url:
        pass
    with pytest.raises(urllib.error.URLError):
        read(url)


def test_a_port_that_is_taken_is_refused_with_its_option():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        taken = rf"Port {port} of 127.0.0.1 is taken.*\(--metrics-port 0\)"
        with pytest.raises(WorldError, match=taken), scraped(resolve("127.0.0.1", port), dict):
            pass


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("9100", "127.0.0.1", 9100), (" 0 ", "127.0.0.1", 0), ("0.0.0.0:9100", "0.0.0.0", 9100), ("[::1]:80", "::1", 80)],
)
def test_a_port_alone_is_at_this_host_alone(text, host, port):
    address = parse_address(text)
    assert (address.host, address.port) == (host, port)


@pytest.mark.parametrize("text", ["", "http", "-1", "65536", "9100:", "a:b", "9100/metrics", "¹²³"])
def test_what_is_no_port_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match=r"is no port.*such as 9100"):
        parse_address(text)


def test_a_host_that_stands_for_nothing_is_refused():
    with pytest.raises(UsageError, match="stands for no address"):
        parse_address("no such host:9100")
