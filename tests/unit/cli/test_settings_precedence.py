"""Flag > SWEEP_* > sweep.toml > default."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).parent / "sweep"
STUDY = "isolated-quick"
TERMS = ("--family", "isolated", "--dataset", "digits", "--limit", "40")


@pytest.mark.parametrize(
    ("file", "variables", "flags", "home", "trials"),
    [
        ("", {}, (), "sweep-data", 20),
        ('home = "of-file"\n[create]\ntrials = 11\n', {}, (), "of-file", 11),
        (
            'home = "of-file"\ntrials = 11\n',
            {"SWEEP_HOME": "of-variable", "SWEEP_TRIALS": "12"},
            (),
            "of-variable",
            12,
        ),
        (
            'home = "of-file"\ntrials = 11\n',
            {"SWEEP_HOME": "of-variable", "SWEEP_TRIALS": "12"},
            ("--home", "of-flag", "--trials", "13"),
            "of-flag",
            13,
        ),
    ],
    ids=["default", "file", "variable", "flag"],
)
def test_the_nearest_source_of_an_option_wins(sweep, workplace, monkeypatch, file, variables, flags, home, trials):
    (workplace / "sweep.toml").write_text(file)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert sweep("create", *TERMS, *flags).code == 0
    assert {path.name for path in workplace.iterdir()} == {"sweep.toml", home}
    assert json.loads(sweep("status", STUDY, "--home", home, "--json").out)["trials_wanted"] == trials


def test_the_installed_command_asks_the_same_sources(workplace):
    (workplace / "sweep.toml").write_text('home = "of-file"\ntrials = 11\n')
    environment = os.environ | {"SWEEP_TRIALS": "12"}
    for arguments in (("create", *TERMS), ("status", STUDY, "--json")):
        answer = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, check=True)
    assert {path.name for path in workplace.iterdir()} == {"sweep.toml", "of-file"}
    assert json.loads(answer.stdout)["trials_wanted"] == 12


def test_a_section_of_the_file_wins_over_its_top(sweep, workplace):
    (workplace / "sweep.toml").write_text('dataset = "fashion-mnist"\n[data]\ndataset = "digits"\n')
    assert json.loads(sweep("data", "--json").out)["dataset"] == "digits"


def test_an_option_in_the_file_may_be_spelt_as_on_the_command_line(sweep, workplace):
    (workplace / "sweep.toml").write_text('dataset = "digits"\nimage-size = 32\n')
    assert json.loads(sweep("data", "--json").out)["image_shape"] == [32, 32, 1]


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ('hom = "here"', ("'hom'", "'home'")),
        ("[start]\ntrails = 3", ("'trails'", "'trials'", "start")),
        ("[strat]\ntrials = 3", ("'strat'", "'start'")),
        ("trials = ", ("sweep.toml",)),
        ("home = 'a'\nhome = 'b'", ("sweep.toml",)),
    ],
    ids=["option", "option of a command", "command", "no value", "twice"],
)
def test_a_slip_in_the_file_is_named_before_anything_happens(sweep, workplace, nothing_changes, file, said):
    (workplace / "sweep.toml").write_text(file)
    with nothing_changes():
        outcome = sweep("studies")
    assert outcome.code == 2
    assert all(part in outcome.err for part in said)
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("line", ['trials = "many"', "trials = 0", "until = 2"])
def test_a_value_in_the_file_is_checked_like_an_option(sweep, workplace, nothing_changes, line):
    (workplace / "sweep.toml").write_text(line)
    with nothing_changes():
        outcome = sweep("create", "--family", "isolated", "--dataset", "digits")
    assert outcome.code == 2
    assert f"--{line.split()[0]}" in outcome.err
