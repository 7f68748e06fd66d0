"""The image: linted, and its steps run in a folder of their own, for there may be no engine to build it."""

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.composed import ROOT, compose_services

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def steps():
    """Instructions and their arguments, in order; lines that go on are one."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines if line.strip()]


def arguments_of(steps, instruction):
    return [arguments for each, arguments in steps if each == instruction]


def reaches_the_build(path):
    """Whether .dockerignore lets a path through: the last pattern that fits it, or a folder above it, decides."""
    ignored = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip().removeprefix("!").removeprefix("**/")
        if not line.strip() or line.startswith("#"):
            continue
        if "**/" in line:
            fits = any(fnmatch.fnmatch(part, pattern) for part in path.parts)
        else:
            fits = any(fnmatch.fnmatch(str(above), pattern) for above in (path, *path.parents[:-1]))
        ignored = not line.startswith("!") if fits else ignored
    return not ignored


def copy_context(source, target):
    """Copy what of the repository reaches the build, of a file or below a folder."""
    paths = [source] if (ROOT / source).is_file() else [p.relative_to(ROOT) for p in (ROOT / source).rglob("*")]
    for path in paths:
        if (ROOT / path).is_file() and reaches_the_build(path):
            place = target / (path.name if path == source else path.relative_to(source))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, place)


def test_the_dockerfile_passes_its_linter(program):
    answer = subprocess.run([program("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, "")


def test_what_is_copied_is_there_and_reaches_the_build(steps):
    sources = [source for arguments in arguments_of(steps, "COPY") for source in arguments.split()[:-1]]
    assert {"constraints.txt", "sweep", "storage", "search_spaces"} <= set(sources)
    for source in sources:
        assert (ROOT / source).exists(), source
        assert reaches_the_build(Path(source)), source


@pytest.mark.parametrize(
    "path", [".env", ".git/config", "sweep-data/sweep.db", "tests/conftest.py", "model/model.keras"]
)
def test_nothing_else_reaches_the_build(path):
    assert not reaches_the_build(Path(path))
    assert reaches_the_build(Path("sweep/report/templates/report.css"))
    assert not reaches_the_build(Path("sweep/cli/__pycache__/app.pyc"))


def test_it_runs_as_a_user_with_a_number(steps):
    user = arguments_of(steps, "USER")[-1]
    (made,) = [arguments for arguments in arguments_of(steps, "RUN") if "useradd" in arguments]
    number = re.search(r"--uid (\d+)", made)[1]
    assert int(number) > 0
    assert user == f"{number}:{number}"  # Kubernetes cannot tell of a name whether it is root's


def test_its_first_process_hands_signals_on(steps):
    assert arguments_of(steps, "ENTRYPOINT") == ['["tini", "--"]']
    (installed,) = [arguments for arguments in arguments_of(steps, "RUN") if "apt-get install" in arguments]
    assert {"tini", "dataset-fashion-mnist"} <= set(installed.split())


def test_its_tag_is_the_version_wherever_it_is_named():
    version = PROJECT["project"]["version"]
    named = re.findall(r"sweep:(\d+\.\d+\.\d+\S*)", (ROOT / "Dockerfile").read_text())
    named += [service["image"].partition(":")[2] for service in compose_services().values() if "build" in service]
    assert {tag.removesuffix("-gpu") for tag in named} == {version}


def run_requirements(folder, *extras):
    command = [sys.executable, ROOT / "deploy" / "image" / "requirements.py", *extras]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_what_is_installed_first_is_what_the_project_and_its_extras_need():
    extras = PROJECT["project"]["optional-dependencies"]
    expected = [*PROJECT["build-system"]["requires"], *PROJECT["project"]["dependencies"]]
    assert run_requirements(ROOT).stdout.splitlines() == expected
    assert run_requirements(ROOT, "gpu").stdout.splitlines() == expected + extras["gpu"]
    assert run_requirements(ROOT, "gpu,formats").stdout.splitlines() == expected + extras["gpu"] + extras["formats"]


def test_what_is_installed_is_locked():
    locked = {re.split(r"[=;\[ ]", line)[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    wanted = {re.split(r"[<>=;\[ ]", line)[0] for line in run_requirements(ROOT).stdout.splitlines()}
    assert len(wanted) > 10
    assert wanted <= locked


@pytest.mark.parametrize(("extra", "part"), [("gpus", "Known: "), ("dev", "name these")])
def test_an_extra_that_cannot_be_installed_ends_the_build(extra, part):
    answer = run_requirements(ROOT, extra)
    assert answer.returncode == 1
    assert extra in answer.stderr
    assert part in answer.stderr


def test_the_extras_that_the_image_names_exist(steps):
    (run,) = [arguments for arguments in arguments_of(steps, "RUN") if "requirements.py" in arguments]
    named = re.search(r"requirements\.py ([\w ]*)", run)[1].split()
    override = (ROOT / "deploy" / "compose.gpu.yml").read_text()
    named += re.findall(r"EXTRAS: (\w+)", override)
    assert set(named) == {"s3", "gpu"}
    assert set(named) <= set(PROJECT["project"]["optional-dependencies"])


def test_versions_are_locked(steps):
    for run in arguments_of(steps, "RUN"):
        for command in re.findall(r"pip install[^&]*", run):
            assert "--constraint constraints.txt" in command or "--no-deps" in command, command


def test_the_steps_make_a_command_that_runs(steps, tmp_path):
    """Without a network, the layer of dependencies is this environment's own; all else is done as it stands."""
    root = tmp_path / "root"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SWEEP_", "PYTHON"))}
    folder = root
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    pip = tmp_path / "venv" / "bin" / "pip"
    pip.write_text('#!/bin/sh\nexec python -m pip "$@"\n')
    pip.chmod(0o755)
    (packages,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    ours = next(Path(each) for each in sys.path if each.endswith("site-packages"))
    (packages / "dependencies.pth").write_text(f"{ours}\n")  # behind the venv's own
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    environment["PATH"] = f"{tmp_path / 'venv' / 'bin'}{os.pathsep}{environment['PATH']}"
    for instruction, arguments in steps:
        if instruction == "WORKDIR":
            folder = root / arguments.lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
        elif instruction == "COPY":
            *sources, target = shlex.split(arguments)
            for source in sources:
                copy_context(Path(source), folder / target)
        elif instruction == "RUN" and "--no-deps" in arguments:
            subprocess.run(["bash", "-c", arguments], cwd=folder, env=environment, check=True, capture_output=True)
        elif instruction == "RUN" and "requirements.py" in arguments:
            only_listed = arguments.partition("&&")[0].replace(" s3 ", " ").replace("${EXTRAS}", "gpu")
            subprocess.run(["bash", "-c", only_listed], cwd=folder, env=environment, check=True)
            assert "keras" in (folder / "requirements.txt").read_text()
    installed = packages / "sweep"
    assert (installed / "report" / "templates" / "report.css").exists()
    made = subprocess.run(
        ["sweep", "families", "--json"], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    assert "grouped" in made.stdout
    found = subprocess.run(
        ["python", "-c", "import sweep; print(sweep.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == str(installed / "__init__.py")
