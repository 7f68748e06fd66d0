"""The array script as Slurm runs it: a shell, Slurm's variables, and a stand-in that says what reached it."""

import re
import signal
import stat
import subprocess
import sys

import pytest

from sweep.worker.loop import LEAVE_SECONDS
from tests.composed import ROOT

SCRIPT = ROOT / "deploy" / "slurm" / "sweep.sbatch"
URL = "postgresql+psycopg://sweep_worker@db/sweep?sslmode=verify-full&application_name=slurm"
STAND_IN = f"""#!{sys.executable}
import os, signal, sys

signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})  # waited for below: no handler breaks into a print
print("process", os.getpid(), flush=True)
print("arguments", *sys.argv[1:], flush=True)
for name in ("SWEEP_STORAGE", "PGPASSWORD", "SWEEP_HOME", "CUDA_VISIBLE_DEVICES"):
    print(name, os.environ.get(name), flush=True)
if "ends" in sys.argv:
    sys.exit(int(os.environ["ENDS_WITH"]))
number = signal.sigwait({{signal.SIGTERM}})
print("signal", int(number), flush=True)
sys.exit(128 + number)
"""


@pytest.fixture
def node(tmp_path):
    """A node's job: starts the script where sbatch was called, with a `sweep` installed beside."""
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "sweep").write_text(STAND_IN)
    (programs / "sweep").chmod(0o755)
    started = []

    def start(*arguments, **variables):
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": str(tmp_path / "home"),
            "SLURM_JOB_ID": "17",
            "SLURM_ARRAY_JOB_ID": "11",
            "SLURM_ARRAY_TASK_ID": "6",
            "SLURM_SUBMIT_DIR": str(tmp_path),
            "SLURM_RESTART_COUNT": "1",
        }
        # Slurm runs a copy that lies elsewhere.
        spooled = tmp_path / "slurm_script"
        spooled.write_text(SCRIPT.read_text())
        process = subprocess.Popen(
            ["bash", spooled, *arguments],
            cwd=tmp_path,
            env=environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def lines_until(process, word):
    found = {}
    for line in process.stdout:
        name, _, rest = line.strip().partition(" ")
        found[name] = rest
        if name == word:
            break
    return found


def test_slurm_s_signal_reaches_the_worker_once_and_its_exit_code_is_the_job_s(node):
    job = node("a study", SWEEP_STORAGE=URL)
    said = lines_until(job, "CUDA_VISIBLE_DEVICES")
    assert said["arguments"] == "join a study"
    assert said["process"] == str(job.pid)  # it became the worker: no shell is left that could keep a signal
    job.send_signal(signal.SIGTERM)
    rest, errors = job.communicate()
    assert rest == f"signal {signal.SIGTERM}\n"
    assert errors == ""
    assert job.returncode == 143


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_the_job_ends_as_the_worker_ends(node, code):
    job = node("ends", SWEEP_STORAGE=URL, ENDS_WITH=str(code))
    job.communicate()
    assert job.returncode == code


def test_a_log_tells_which_job_and_attempt_it_is(node):
    out, _ = node("ends", SWEEP_STORAGE=URL, ENDS_WITH="0").communicate()
    assert out.startswith("Job 17 (11_6), attempt 2, on ")


def test_gpus_that_slurm_gave_are_those_that_sweep_sees(node):
    out, _ = node("ends", SWEEP_STORAGE=URL, ENDS_WITH="0", CUDA_VISIBLE_DEVICES="2,3").communicate()
    assert "CUDA_VISIBLE_DEVICES 2,3\n" in out


def write_settings(tmp_path, mode):
    settings = tmp_path / "home" / ".config" / "sweep" / "slurm.env"
    settings.parent.mkdir(parents=True)
    settings.write_text(f"SWEEP_STORAGE='{URL}'\nPGPASSWORD=secret\nSWEEP_HOME=/tmp/sweep-$SLURM_JOB_ID\n")
    settings.chmod(mode)
    return settings


def test_the_store_and_its_password_may_stand_in_a_file(node, tmp_path):
    write_settings(tmp_path, 0o600)
    out, _ = node("ends", ENDS_WITH="0").communicate()
    assert f"SWEEP_STORAGE {URL}\n" in out
    assert "PGPASSWORD secret\n" in out
    assert "SWEEP_HOME /tmp/sweep-17\n" in out


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused(node, tmp_path, mode):
    settings = write_settings(tmp_path, mode)
    job = node("ends", ENDS_WITH="0")
    out, errors = job.communicate()
    assert job.returncode == 2
    assert f"chmod 600 {settings}" in errors
    assert out == ""


def test_without_a_study_or_a_store_it_says_what_is_missing(node, tmp_path):
    job = node()
    assert "sbatch --array" in job.communicate()[1]
    assert job.returncode == 2
    job = node("a study")
    assert "SWEEP_STORAGE is not set" in job.communicate()[1]
    assert job.returncode == 2
    (tmp_path / ".venv" / "bin" / "sweep").unlink()
    job = node("a study", SWEEP_STORAGE=URL)
    assert "There is no sweep on" in job.communicate()[1]
    assert job.returncode == 2


def directives():
    found = re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?$", SCRIPT.read_text(), re.MULTILINE)
    return dict(found)


def test_slurm_is_told_to_give_the_worker_time_to_leave():
    given = directives()
    target, _, seconds = given["signal"].partition("@")
    assert target == "B:TERM"  # the batch shell alone, which the worker takes the place of
    assert int(seconds) > LEAVE_SECONDS + 10
    assert "requeue" in given
    assert given["open-mode"] == "append"  # a job that begins again keeps its first attempt's log


def test_slurm_reads_every_directive():
    """It stops looking for them at the first command."""
    text = SCRIPT.read_text()
    first_command = re.search(r"^[^#\n]", text, re.MULTILINE).start()
    assert text.rindex("#SBATCH") < first_command
    assert stat.S_IMODE(SCRIPT.stat().st_mode) & stat.S_IXUSR


def test_the_script_passes_shellcheck(program):
    answer = subprocess.run([program("shellcheck"), SCRIPT], capture_output=True, text=True, check=False)
    assert (answer.stdout, answer.returncode) == ("", 0)
