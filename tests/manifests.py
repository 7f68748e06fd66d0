"""The manifests of deploy/kubernetes as kustomize builds them, and what is asked of them."""

import shutil
import subprocess
from typing import Any

import yaml

from tests.composed import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
BUILDS = ("base", "overlays/gpu", "overlays/s3")
COMPONENT = "app.kubernetes.io/component"
KUSTOMIZATION = "kustomization.yaml"

Document = dict[str, Any]


def build_all() -> dict[str, list[Document]]:
    """The documents of each build; where there is no kubectl, those of the base as they stand."""
    if shutil.which("kubectl") is None:
        roles = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "roles"}}  # which kustomize makes
        files = [path for path in (FOLDER / "base").glob("*.yaml") if path.name != KUSTOMIZATION]
        return {"base": [roles, *(each for path in files for each in yaml.safe_load_all(path.read_text()) if each)]}
    found = {}
    for name in BUILDS:
        answer = subprocess.run(["kubectl", "kustomize", FOLDER / name], capture_output=True, text=True, check=True)
        assert answer.stderr == ""  # warnings
        found[name] = [document for document in yaml.safe_load_all(answer.stdout) if document]
    return found


def one(documents: list[Document], kind: str, name: str) -> Document:
    """The document of a kind and name."""
    (found,) = [each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def pods(documents: list[Document]) -> dict[str, Document]:
    """Names of what makes pods, and the pods' specifications with their labels."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]
        for each in documents
        if each["kind"] in ("Job", "Deployment", "StatefulSet")
    }


def containers(pod: Document) -> list[Document]:
    """All of a pod, those that come first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
