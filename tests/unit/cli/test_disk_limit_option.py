"""`--max-disk` as option, variable and line of the settings file: read alike, checked before anything is made."""

import pytest
import typer

from sweep.cli import working
from sweep.cli.main import app

START = ("start", "--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1")


@pytest.fixture
def given(monkeypatch, sweep):
    """The limit in bytes that a command hands on."""

    def call(command, *options):
        seen = []

        def remember(*arguments, **_):
            seen.extend(each.max_disk for each in arguments if hasattr(each, "max_disk"))
            return 0

        monkeypatch.setattr(working, command, remember)
        assert sweep(command, *({"start": START[1:], "join": ("isolated",)}[command]), *options).code == 0
        return seen

    return call


@pytest.mark.parametrize("command", ["start", "join"])
def test_without_it_there_is_no_limit(given, command):
    assert given(command) == [None]


@pytest.mark.parametrize("command", ["start", "join"])
def test_the_flag_wins_over_the_variable_and_the_variable_over_the_file(given, workplace, monkeypatch, command):
    (workplace / "sweep.toml").write_text("max-disk = 5000000\n")
    assert given(command) == [5_000_000]
    monkeypatch.setenv("SWEEP_MAX_DISK", "20 GB")
    assert given(command) == [20_000_000_000]
    assert given(command, "--max-disk", "1.5TB") == [1_500_000_000_000]


@pytest.mark.parametrize("value", ["5x", "-5GB", "-5", "10kB", "0", "12GiB", ""])
def test_a_limit_that_makes_no_sense_is_a_usage_error(sweep, nothing_changes, value):
    for command in (START, ("join", "isolated")):
        with nothing_changes():
            outcome = sweep(*command, "--max-disk", value)
        assert outcome.code == 2
        assert "500MB" in outcome.err
        assert "20GB" in outcome.err
        assert "Traceback" not in outcome.err


@pytest.mark.parametrize("line", ['max-disk = "many"', "max-disk = 5", "max-disk = true"])
def test_a_limit_in_the_file_is_checked_like_the_option(sweep, workplace, nothing_changes, line):
    (workplace / "sweep.toml").write_text(line)
    with nothing_changes():
        outcome = sweep(*START)
    assert outcome.code == 2
    assert "20GB" in outcome.err


def test_only_commands_that_work_have_it():
    commands = typer.main.get_command(app).commands
    having = {name for name, command in commands.items() if any(each.name == "max_disk" for each in command.params)}
    assert having == {"confirm", "join", "start"}
