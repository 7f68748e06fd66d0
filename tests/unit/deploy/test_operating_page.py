"""What docs/operating.md says can be typed, and names what is there."""

import re
import shutil
import subprocess

import pytest
import typer
import yaml

from sweep.cli.main import app
from tests.composed import ROOT, compose_services

PAGE = (ROOT / "docs" / "operating.md").read_text()
COMMANDS = typer.main.get_command(app).commands


def test_every_file_that_is_named_is_there():
    named = set(re.findall(r"`(?:[\w-]+=)?((?:deploy|docs)/[\w./-]+|Dockerfile|docker-compose\.yml)`", PAGE))
    assert len(named) > 5
    for name in named:
        assert (ROOT / name).exists() or "/mine/" in name, name


def test_every_command_of_ours_is_one():
    typed = "\n".join(re.findall(r"`[^`\n]+`|^ {4}.+$", PAGE, re.MULTILINE))
    named = set(re.findall(r"(?<!--namespace )\bsweep ([a-z]+)\b", typed))
    assert {"create", "join", "status", "stop"} <= named
    assert named <= COMMANDS.keys()


def test_every_service_of_compose_is_one():
    named = re.findall(r"docker compose (?:logs|exec|stop|run|cp)((?: -\S+)*) ([a-z]+)", PAGE)
    assert len(named) > 5
    assert {service for _, service in named} <= compose_services().keys()


def test_every_variable_of_ours_is_an_option():
    known = {str(parameter.envvar) for command in COMMANDS.values() for parameter in command.params}
    known |= {"SWEEP_DASHBOARD_PASSWORD", "SWEEP_ARTIFACTS"}
    assert set(re.findall(r"SWEEP_[A-Z_]+", PAGE)) <= known


def test_the_overlay_of_the_page_is_one_that_kubectl_builds(program, tmp_path):
    kubectl = program("kubectl")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    mine = tmp_path / "deploy" / "kubernetes" / "overlays" / "mine"
    mine.mkdir()
    (overlay,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (mine / "kustomization.yaml").write_text(overlay)
    answer = subprocess.run([kubectl, "kustomize", mine], capture_output=True, text=True, check=True)
    documents = list(yaml.safe_load_all(answer.stdout))
    (study,) = [each for each in documents if each["metadata"]["name"] == "study"]
    assert study["data"]["SWEEP_STUDY"] == "isolated"
    images = set(re.findall(r"image: (\S+)", answer.stdout))
    prefix = "images.example.org/sweep:"
    assert {image for image in images if image.startswith(prefix)} == images - {"postgres:17"}
    tags = {image.removeprefix(prefix) for image in images if image.startswith(prefix)}
    built = set(re.findall(rf"--tag {prefix}(\S+)", PAGE))
    assert tags == {*built, *(f"{tag}-gpu" for tag in built)}


@pytest.mark.parametrize("part", ["base", "overlays/gpu", "overlays/s3"])
def test_the_folders_of_the_manifests_are_those_that_the_page_tells_of(part):
    assert (ROOT / "deploy" / "kubernetes" / part / "kustomization.yaml").exists()


def test_the_roles_of_the_page_are_those_of_the_file():
    roles = set(re.findall(r"CREATE ROLE (\w+)", (ROOT / "deploy" / "postgres" / "roles.sql").read_text()))
    assert roles == {"sweep_worker", "sweep_reader"}
    assert all(f"| `{role}` |" in PAGE for role in roles)
