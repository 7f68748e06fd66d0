"""A container whose root file system is read-only, as in deploy/kubernetes: what may be written is enough."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.composed import ROOT

TERMS = ("--family", "isolated", "--dataset", "digits", "--limit", "40", "--epochs", "1", "--trials", "1")
# In a mount namespace of its own: everything is read-only, then the folders are writable again.
CLOSED = """
set -e
mount --bind "$1" "$1"
mount -o remount,bind,ro "$1"
for each in "$1/sweep-data" "$1/tmp"; do
    mount --bind "$each" "$each"
    mount -o remount,bind,rw "$each"
done
mount -o remount,bind,ro /
cd "$1"
shift
exec "$@"
"""


def image_variables():
    """What the image and the worker's pod set."""
    text = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text())
    found = dict(
        pair.split("=", 1) for line in re.findall(r"^ENV (.*)$", text, re.MULTILINE) for pair in line.split() if pair
    )
    job = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "base" / "worker.yaml").read_text())
    (worker,) = job["spec"]["template"]["spec"]["containers"]
    return found | {each["name"]: each["value"] for each in worker["env"] if each["name"] == "HOME"}


@pytest.fixture
def run_closed(tmp_path):
    """Runs a command where only the home and the folder of the pod's /tmp can be written."""
    home, passing = tmp_path / "sweep-data", tmp_path / "tmp"
    for folder in (home, passing):
        folder.mkdir()
    places = {"/home/sweep/sweep-data": home, "/tmp": passing}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("SWEEP_")}
    variables = {"TMPDIR": str(passing)}
    for name, value in image_variables().items():
        (inside,) = [place for place in places if value == place or value.startswith(f"{place}/")]
        variables[name] = value.replace(inside, str(places[inside]), 1)
    namespace = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]

    def run(*command):
        return subprocess.run(
            [*namespace, "sh", "-c", CLOSED, "sh", tmp_path, *command],
            env=outside | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    if run("true").returncode != 0:
        # Containers and some kernels forbid it to ordinary users, and macOS has none.
        pytest.skip("This host makes no mount namespaces for us.")
    assert run("touch", "x").returncode != 0
    assert run("touch", "sweep-data/x", "tmp/x").returncode == 0
    return run


def test_init_writes_nothing_elsewhere(run_closed):
    answer = run_closed(Path(sys.executable).parent / "sweep", "create", *TERMS)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.long
def test_a_worker_writes_nothing_elsewhere(run_closed, tmp_path):
    answer = run_closed(Path(sys.executable).parent / "sweep", "start", *TERMS)
    assert answer.returncode == 0, answer.stderr
    assert list((tmp_path / "sweep-data" / "artifacts").iterdir())  # figures too
