"""The database's password stays where it was given."""

import json
import signal

import psutil
import pytest
from sqlalchemy.engine import make_url

HUSH = "hush-3f9a"


@pytest.fixture
def guarded_place(new_place, postgres_url):
    """A store whose URL has a password; this server asks for none, so that any will do."""
    url = make_url(postgres_url).set(password=HUSH)
    return new_place(storage=url.render_as_string(hide_password=False))


def test_the_password_is_in_no_log_no_process_and_no_attribute(guarded_place, terms, study):
    guarded_place.script(trials={"1": "exit 137", "3": "slow"})
    worker = guarded_place.start("start", *terms, "--trials", 10, "--verbose")
    worker.await_line("trial 3  epoch 1")
    trainers = psutil.Process(worker.process.pid).children()
    assert trainers
    for each in (psutil.Process(worker.process.pid), *trainers):
        assert HUSH not in " ".join(each.cmdline())
    for each in trainers:
        assert HUSH not in " ".join(each.environ().values())
    worker.signal_group(signal.SIGINT)
    assert worker.wait() == 130
    assert HUSH not in worker.text()
    for path in guarded_place.folder.rglob("*"):
        assert not path.is_file() or HUSH.encode() not in path.read_bytes(), path
    for name in ("status", "trials"):
        assert HUSH not in json.dumps(guarded_place.json(name, study))


@pytest.mark.parametrize("command", [("status", "isolated"), ("studies",)])
def test_the_password_is_in_no_error(new_place, command):
    place = new_place(storage=f"postgresql+psycopg://user:{HUSH}@127.0.0.1:1/sweep?password={HUSH}")
    told = place.run(*command, "--verbose", code=1)
    assert "127.0.0.1" in told
    assert HUSH not in told
