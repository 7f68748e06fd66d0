"""Where a dashboard listens, what is said when it cannot, and how it ends."""

import signal
import socket
import sqlite3

import pytest
from served import STUDY


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_without_a_store_it_says_how_to_begin_one_and_makes_none(serve, tmp_path):
    for options in ((), ("--allow-edits",)):
        code, out, err = serve(*options).end()
        assert (code, out) == (1, "")
        assert f"no store sqlite:///{tmp_path / 'sweep-data' / 'sweep.db'}" in err
        assert "sweep start" in err
        assert list(tmp_path.iterdir()) == []


def test_a_database_without_a_schema_is_no_store_yet(serve, tmp_path):
    sqlite3.connect(tmp_path / "other.db").close()
    code, _, err = serve("--storage", f"sqlite:///{tmp_path / 'other.db'}").end()
    assert code == 1
    assert "sweep start" in err


def test_a_store_of_another_version_is_refused(serve, home):
    with sqlite3.connect(home / "sweep.db") as database:
        database.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
    database.close()
    code, _, err = serve("--home", home).end()
    assert code == 1
    assert "sweep.db cannot be used" in err
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_named_with_the_one_who_has_it(serve, home, taken_port):
    code, out, err = serve("--home", home, port=taken_port).end()
    assert (code, out) == (1, "")
    assert f"Port {taken_port}" in err
    assert "process" in err
    assert "--port" in err


def test_a_second_dashboard_is_told_of_the_first(serve, home):
    first = serve("--home", home)
    _, _, err = serve("--home", home, port=first.port).end()
    assert f"process {first.process.pid}." in err


def test_the_port_is_free_again_as_soon_as_a_dashboard_ended(serve, home):
    first = serve("--home", home)
    assert first.ask("/api/studies").status == 200
    first.process.terminate()
    first.end()
    assert serve("--home", home, port=first.port).ask("/api/studies").status == 200


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_a_port_that_does_not_exist_is_a_usage_error(serve, home, port):
    dashboard = serve("--home", home, port=port)
    code, _, err = dashboard.end()
    assert code == 2
    assert "--port" in err


@pytest.mark.parametrize("host", ["nowhere.invalid", "", "not a host", "256.0.0.1", "x" * 300])
def test_a_host_that_stands_for_nothing_is_a_usage_error(serve, home, host):
    code, _, err = serve("--home", home, "--host", host).end()
    assert code == 2
    assert "stands for no address" in err
    assert "127.0.0.1" in err


def test_an_address_of_another_host_cannot_be_listened_at(serve, home):
    # 192.0.2.0/24 belongs to nobody (RFC 5737).
    code, _, err = serve("--home", home, "--host", "192.0.2.1", SWEEP_DASHBOARD_PASSWORD="x").end()
    assert code == 1
    assert "192.0.2.1" in err
    assert "--host" in err


def test_localhost_is_one_address_with_one_port(serve, home):
    dashboard = serve("--home", home, "--host", "localhost")
    assert dashboard.url == f"http://localhost:{dashboard.port}"
    (study,) = dashboard.ask("/api/studies").json["study_summaries"]
    assert study["study_name"] == STUDY


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_it_without_a_further_word(serve, home, number, code):
    dashboard = serve("--home", home)
    dashboard.process.send_signal(number)
    assert dashboard.end() == (code, "", dashboard.line)


def test_host_and_port_can_stand_in_the_settings(serve, home, tmp_path, free_port):
    (tmp_path / "sweep.toml").write_text(f'home = "{home}"\n[dashboard]\nhost = "localhost"\nallow-edits = true\n')
    dashboard = serve(port=free_port)
    assert dashboard.url == f"http://localhost:{free_port}"
    assert "changes allowed" in dashboard.line
