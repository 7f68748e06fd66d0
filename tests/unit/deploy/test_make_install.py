"""What make installs."""

import subprocess

import pytest

from tests.composed import ROOT


@pytest.mark.parametrize(
    ("target", "gpu", "installed"),
    [("sweep", "", "."), ("sweep", "gpu", ".[gpu]"), ("lint", "", ".[dev]"), ("lint", "gpu", ".[dev,gpu]")],
)
def test_a_host_with_a_gpu_gets_what_tensorflow_needs_for_it(program, tmp_path, target, gpu, installed):
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    command = [program("make"), "-f", ROOT / "Makefile", "--dry-run", f"GPU={gpu}", target]
    told = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    (line,) = [line for line in told.splitlines() if "pip install" in line]
    assert line.endswith(f"-c constraints.txt -e '{installed}'")
