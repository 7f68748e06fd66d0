import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path

import optuna
import pytest
from rich.console import Console
from sqlalchemy import create_engine, text

from storage import StorageError, locate, open_store
from sweep.cli.progress import status_lines
from sweep.cli.watching import WATCH_SECONDS, watch
from sweep.runs import record_begin, record_end
from sweep.standing import End
from tests.unit.cli.conftest import STUDY

HEADING = ["isolated", "finished  1 of 2"]


def looks(*answers):
    """A look that gives these answers one after the other; an exception is raised."""
    left = deque(answers)

    def look():
        answer = left.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer

    return look


@pytest.fixture
def waited():
    """Seconds that were waited for, none of which pass."""
    return []


@pytest.fixture
def piped():
    return Console(file=io.StringIO(), width=80)


@pytest.fixture
def terminal():
    return Console(file=io.StringIO(), width=80, force_terminal=True)


@pytest.fixture
def document(sweep, created):
    """The document of a new study, with other entries where they are given."""
    found = json.loads(sweep("status", STUDY, "--json").out)
    return lambda **entries: found | entries


# With what trials were trained


def trained(host, policy, trials, backend="tensorflow", device="cpu"):
    return {"host": host, "dtype_policy": policy, "backend": backend, "device": device, "trials": trials}


def lines_on_means(lines):
    return [line for line in lines if line.startswith(("precision", "means"))]


def test_hosts_with_different_precisions_are_named(document):
    precisions = [trained("box-1", "mixed_bfloat16", 12), trained("box-2", "float32", 1)]
    assert lines_on_means(status_lines(document(precisions=precisions))) == [
        "precision mixed_bfloat16 on box-1 (12 trials), float32 on box-2 (1 trial)"
    ]


@pytest.mark.parametrize(
    "precisions",
    [
        [],
        [trained("box-1", "float32", 12)],
        [trained("box-1", "float32", 12), trained("box-2", "float32", 3)],
        [trained("box-1", "float32", 12), trained("box-2", "float32", 3, device=None)],
    ],
)
def test_where_all_trials_were_trained_alike_nothing_is_said(document, precisions):
    assert lines_on_means(status_lines(document(precisions=precisions))) == []


def test_backends_and_devices_that_differ_are_named_too(document):
    precisions = [trained("a", "float32", 2), trained("b", "float32", 3, backend="jax", device="gpu")]
    assert lines_on_means(status_lines(document(precisions=precisions))) == [
        "means     tensorflow cpu on a (2 trials), jax gpu on b (3 trials)"
    ]


def test_a_host_is_named_once_for_the_difference_that_is_shown(document):
    precisions = [trained("a", "float32", 2, device=None), trained("a", "float32", 3), trained("b", "float16", 1)]
    assert lines_on_means(status_lines(document(precisions=precisions))) == [
        "precision float32 on a (5 trials), float16 on b (1 trial)"
    ]


# What runs


def test_a_running_trial_is_shown_with_its_last_epoch(document):
    one = {"number": 3, "title": "isolated-4", "epoch": 2, "value": 0.5}
    lines = status_lines(document(running=7, running_trials=[one, one | {"epoch": None, "value": None}]))
    assert lines[-3:] == [
        "running   trial 3: isolated-4, epoch 2 done, 50.0 %",
        "running   trial 3: isolated-4, first epoch",
        "running   and 5 more",
    ]


# Who works, how fast, and what waits


def test_what_waits_and_what_failed_is_told_by_kind(document):
    lines = status_lines(
        document(
            running=1,
            waiting=4,
            failed=3,
            queue={"other": 1, "reported": 3},
            failures={"memory": 1, "crash": 2},
        )
    )
    assert "others    1 running, 4 waiting (3 reported, 1 other), 3 failed (2 crash, 1 memory)" in lines


def test_what_only_another_tool_knows_is_counted_without_a_kind(document):
    lines = status_lines(document(running=0, waiting=2, failed=1, queue={"other": 2}, failures={"other": 1}))
    assert "others    0 running, 2 waiting, 1 failed" in lines


@pytest.mark.parametrize(
    ("pace", "told"),
    [
        ({"finished": 12, "seconds": 3600.0}, ["pace      12 trials an hour (12 trials in the last 1 h)"]),
        ({"finished": 1, "seconds": 300.0}, ["pace      12 trials an hour (1 trial in the last 5 min)"]),
        ({"finished": 0, "seconds": 3600.0}, []),
        (None, []),
    ],
)
def test_the_pace_is_told_with_what_it_was_taken_from(document, pace, told):
    assert [line for line in status_lines(document(pace=pace)) if line.startswith("pace")] == told


def test_a_host_is_told_with_its_slots_and_when_it_was_heard_of(document):
    busy = {"host": "box-1", "workers": 2, "running": 3, "slots": 4, "silent_seconds": 95.2}
    unknown = {"host": None, "workers": 1, "running": 1, "slots": None, "silent_seconds": None}
    lines = status_lines(document(hosts=[unknown, busy]))
    assert [line for line in lines if line.startswith("host")] == [
        "host      not known yet: 1 trial of 1 worker",
        "host      box-1: 3 trials in 4 slots of 2 workers, heard of 1 min 35 s ago",
    ]


# A schema of another version


def test_a_store_of_another_schema_is_counted_through_optuna(sweep, one_complete, monkeypatch):
    expected = {name: sweep(*name.split(), "--json").out for name in (f"status {STUDY}", "studies")}
    monkeypatch.setattr("storage.counting.SCHEMAS", frozenset())
    for name, document in expected.items():
        assert sweep(*name.split(), "--json").out == document


def test_a_store_that_optuna_cannot_read_either_is_refused(sweep, created):
    engine = create_engine(f"sqlite:///{created / 'sweep.db'}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'v9.9.9.a'"))
    engine.dispose()
    outcome = sweep("status", STUDY)
    assert outcome.code == 1
    assert "no longer compatible" in outcome.err


def test_counting_does_not_import_optuna(created):
    """It takes as long to import as the rest of the command takes."""
    asked = f"import sys; sys.argv = ['sweep', 'status', '{STUDY}']; from sweep.cli.main import run\n"
    asked += "try: run()\nexcept SystemExit: print(sorted({'optuna', 'keras'} & sys.modules.keys()))"
    answer = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


# Watching


def test_a_pipe_gets_a_block_for_each_change(piped, waited):
    look = looks((HEADING, False), (HEADING, False), ([*HEADING, "running"], False), (["isolated", "ended"], True))
    watch(look, console=piped, wait=waited.append)
    assert piped.file.getvalue() == (
        "isolated\nfinished  1 of 2\n\nisolated\nfinished  1 of 2\nrunning\n\nisolated\nended\n"
    )
    assert waited == [WATCH_SECONDS] * 3


def test_a_study_that_has_ended_is_shown_and_not_waited_for(piped, terminal, waited):
    for console in (piped, terminal):
        watch(looks((HEADING, True)), console=console, wait=waited.append)
        assert "finished  1 of 2" in console.file.getvalue()
    assert waited == []


def test_a_terminal_shows_the_new_lines_in_the_place_of_the_old(terminal, waited):
    watch(looks((HEADING, False), (["isolated", "ended"], True)), console=terminal, wait=waited.append)
    shown = terminal.file.getvalue()
    assert "\x1b[1A" in shown  # up by one line
    assert shown.rindex("ended") > shown.rindex("finished")
    assert shown.endswith("\x1b[?25h")  # the cursor is back


def test_a_store_that_goes_away_is_asked_again(piped, waited, capsys):
    gone = StorageError("The store cannot be used: gone.")
    watch(looks((HEADING, False), gone, gone, (HEADING, True)), console=piped, wait=waited.append)
    assert piped.file.getvalue().count("isolated") == 1  # nothing has changed
    assert capsys.readouterr().err.count("asked again every 2 seconds") == 1


def test_a_store_that_is_not_there_at_first_is_an_error(piped, waited):
    with pytest.raises(StorageError):
        watch(looks(StorageError("gone")), console=piped, wait=waited.append)


def test_ctrl_c_ends_it_with_the_cursor_shown(terminal):
    def press_ctrl_c(_seconds):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch(looks((HEADING, False)), console=terminal, wait=press_ctrl_c)
    assert terminal.file.getvalue().endswith("\x1b[?25h")


def test_a_document_is_not_watched(sweep, created):
    outcome = sweep("status", STUDY, "--json", "--watch")
    assert (outcome.code, outcome.out) == (2, "")
    assert "--watch" in outcome.err


def test_an_unknown_study_is_not_watched(sweep, created):
    outcome = sweep("status", "isolatd-quick", "--watch")
    assert outcome.code == 2
    assert f"Did you mean '{STUDY}'?" in outcome.err


@pytest.fixture
def study(created):
    with open_store(locate(None, created), write=True) as store:
        study = store.load(STUDY)
        record_begin(study, "start")
        yield study


def lines_of(process):
    """Lines of a process's standard output, as they come."""
    found = []
    came = threading.Event()

    def read():
        for line in process.stdout:
            found.append(line)
            came.set()

    threading.Thread(target=read, daemon=True).start()
    return found, came


def test_the_command_follows_a_study_to_its_end(study, created):
    command = [Path(sys.executable).parent / "sweep", "status", STUDY, "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        _, came = lines_of(process)
        assert came.wait(60)
        study.add_trial(optuna.create_trial(state=optuna.trial.TrialState.COMPLETE, value=0.75))
        record_end(study, End.STOPPED)
        assert process.wait(60) == 0


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_the_command_leaves_on_a_signal(study, created, name, code):
    command = [Path(sys.executable).parent / "sweep", "status", STUDY, "--watch"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        _, came = lines_of(process)
        assert came.wait(60)
        os.kill(process.pid, getattr(signal, name))
        assert process.wait(60) == code
        assert process.stderr.read() == ""
