import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sweep.cli.main import app

COMMANDS = sorted(typer.main.get_command(app).commands)
HEAVY = ("keras", "tensorflow", "jax")
STUDY = "isolated-quick"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(sweep, command):
    outcome = sweep(command, "--help")
    assert outcome.code == 0
    assert f"sweep {command} " in outcome.out.splitlines()[0]
    assert "--home" in outcome.out


def test_the_installed_command_lists_its_commands(workplace):
    command = Path(sys.executable).parent / "sweep"
    answer = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    listed = answer.stdout.partition("Commands:")[2].splitlines()
    assert {line.split()[0] for line in listed if line.strip()} >= set(COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["families"], ["studies"], ["status", STUDY], ["trials", STUDY], ["show", STUDY, "0"]],
    ids=lambda arguments: arguments[0],
)
def test_who_only_reads_never_waits_for_keras(created, arguments):
    script = f"""
import sys
from sweep.cli.main import run
sys.argv = ["sweep", *{arguments}]
try:
    run()
except SystemExit as left:
    assert not left.code, left.code
print("imported:", *(name for name in {HEAVY} if name in sys.modules))
"""
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1].split() == ["imported:"]


def test_without_a_command_the_help_is_shown(sweep):
    outcome = sweep()
    assert "Commands:" in outcome.out + outcome.err


def test_a_command_that_does_not_exist_is_a_usage_error(sweep):
    outcome = sweep("trails", STUDY)
    assert outcome.code == 2
    assert "trails" in outcome.err
