"""Files that say how the project is run elsewhere, and the programs that know their formats."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.composed import ROOT
from tests.manifests import BUILDS, build_all


@pytest.fixture
def program():
    """The path of a program that the tests install, or that this machine may have; without it the test is left out."""

    def find(name: str) -> Path:
        beside = Path(sys.executable).parent / name
        found = str(beside) if beside.exists() else shutil.which(name)
        if found is None:
            # Docker's, Kubernetes's and PostgreSQL's programs do not come from PyPI; whoever has none needs none.
            pytest.skip(f"There is no {name} here.")
        return Path(found)

    return find


@pytest.fixture
def env_file(program, tmp_path):
    """What `make .env` writes in an empty folder."""
    subprocess.run([program("make"), "-f", ROOT / "Makefile", ".env"], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / ".env"


@pytest.fixture(scope="session")
def built():
    """The documents of each build of deploy/kubernetes."""
    return build_all()


@pytest.fixture(params=BUILDS)
def documents(request, built):
    """The documents of one of them."""
    if request.param not in built:
        pytest.skip("There is no kubectl here.")  # which puts overlays together; the base is looked at without it
    return built[request.param]
