"""The manifests: valid by Kubernetes's own schemas, and at one with what our commands do."""

import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from sweep.listening import LEAVE_SECONDS as DASHBOARD_SECONDS
from tests.composed import OWNER, READER, ROOT, WORKER, compose_services
from tests.manifests import COMPONENT, FOLDER, KUSTOMIZATION, containers, one, pods

VERSIONS = ("1.31", kubernetes_validate.latest_version())  # podFailurePolicy is stable since the first
PROMISE_SECONDS = 10  # a worker that is told to leave is gone
SIGNALLED, USAGE = [130, 143], [2]  # exit codes, see README.md
SECRET = "sweep"


def test_every_document_fits_kubernetes_schemas(built):
    distinct = {json.dumps(document): document for documents in built.values() for document in documents}
    for document in distinct.values():
        for version in VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def test_a_word_that_kubernetes_does_not_know_is_found(built):
    worker = one(built["base"], "Job", "worker")
    odd = {**worker, "spec": {**worker["spec"], "paralelism": 3}}
    with pytest.raises(kubernetes_validate.ValidationError, match="paralelism"):
        kubernetes_validate.validate(odd, VERSIONS[0], strict=True)


def test_a_worker_s_exit_codes_mean_to_its_job_what_they_mean_to_us(documents):
    rules = one(documents, "Job", "worker")["spec"]["podFailurePolicy"]["rules"]
    assert {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]} in rules
    codes = {
        code: rule["action"]
        for rule in rules
        if "onExitCodes" in rule
        for code in rule["onExitCodes"]["values"]
        if rule["onExitCodes"]["containerName"] == "worker" and rule["onExitCodes"]["operator"] == "In"
    }
    assert codes == dict.fromkeys(SIGNALLED, "Ignore") | dict.fromkeys(USAGE, "FailJob")  # 1 counts


def test_an_ended_study_ends_the_job(documents):
    spec = one(documents, "Job", "worker")["spec"]
    assert "completions" not in spec  # else pods follow until so many have ended with 0
    assert spec["parallelism"] > 1
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # what podFailurePolicy asks for


def test_no_pod_is_killed_before_it_had_time_to_leave(documents):
    grace = {name: pod["spec"].get("terminationGracePeriodSeconds", 30) for name, pod in pods(documents).items()}
    assert grace["worker"] > PROMISE_SECONDS
    assert grace["dashboard"] > DASHBOARD_SECONDS
    assert grace["postgres"] >= 60


def test_images_are_the_same_everywhere_and_those_of_compose(built):
    composed = {service["image"] for service in compose_services().values()}
    for name, documents in built.items():
        for pod, template in pods(documents).items():
            (image,) = {container["image"] for container in containers(template)}
            assert image.endswith("-gpu") is ((name, pod) == ("overlays/gpu", "worker"))
            assert image.removesuffix("-gpu") in composed


def test_the_database_takes_as_many_connections_as_that_of_compose(documents):
    (postgres,) = pods(documents)["postgres"]["spec"]["containers"]
    assert postgres["args"] == compose_services()["postgres"]["command"]


def references(value):
    """Secrets and their keys, wherever they stand in a document."""
    if isinstance(value, dict):
        if "secretKeyRef" in value:
            yield value["secretKeyRef"]["name"], value["secretKeyRef"]["key"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_key_of_the_secret_is_a_line_of_the_env_file(documents, env_file):
    assert not [each for each in documents if each["kind"] == "Secret"]
    keys = {line.partition("=")[0] for line in env_file.read_text().splitlines() if re.match(r"\w+=", line)}
    named = set(references(documents))
    assert {name for name, _ in named} == {SECRET}
    assert {key for _, key in named} <= keys


def test_nobody_gets_a_password_that_is_not_his(documents):
    holders = {
        "POSTGRES_PASSWORD": {"postgres", "init"},
        "POSTGRES_WORKER_PASSWORD": {"postgres", "worker"},
        "POSTGRES_READER_PASSWORD": {"postgres", "dashboard"},
        "SWEEP_DASHBOARD_PASSWORD": {"dashboard"},
    }
    for key, names in holders.items():
        assert {name for name, pod in pods(documents).items() if (SECRET, key) in set(references(pod))} == names


def test_each_part_comes_to_the_database_in_its_own_role(documents):
    for name, role in (("init", OWNER), ("worker", WORKER), ("dashboard", READER)):
        for container in containers(pods(documents)[name]):
            (url,) = [each["value"] for each in container["env"] if each["name"] == "SWEEP_STORAGE"]
            assert url == f"postgresql+psycopg://{role}@postgres:5432/sweep"


def test_every_config_map_and_claim_that_is_named_is_there(documents):
    there = {(each["kind"], each["metadata"]["name"]) for each in documents}
    claimed = one(documents, "StatefulSet", "postgres")["spec"]["volumeClaimTemplates"]
    own = {claim["metadata"]["name"] for claim in claimed}
    for pod in pods(documents).values():
        for volume in pod["spec"]["volumes"]:
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in there
            if "persistentVolumeClaim" in volume:
                assert ("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]) in there
        for container in containers(pod):
            mounted = {mount["name"] for mount in container["volumeMounts"]}
            assert mounted <= {volume["name"] for volume in pod["spec"]["volumes"]} | own
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in there


def test_selectors_choose_what_they_mean(documents):
    labels = {name: pod["metadata"]["labels"][COMPONENT] for name, pod in pods(documents).items()}
    assert labels == {name: name for name in labels}
    for document in documents:
        spec = document.get("spec", {})
        if document["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            assert spec["selector"]["matchLabels"] == {COMPONENT: document["metadata"]["name"]}
        if document["kind"] == "Service":
            assert spec["selector"] == {COMPONENT: document["metadata"]["name"]}
            (port,) = spec["ports"]
            (target,) = pods(documents)[document["metadata"]["name"]]["spec"]["containers"]
            assert {"name": port["targetPort"], "containerPort": port["port"]} in target["ports"]


def test_a_worker_with_a_gpu_uses_the_one_it_was_given(built):
    if "overlays/gpu" not in built:
        pytest.skip("There is no kubectl here.")  # which puts overlays together
    for name, documents in built.items():
        (worker,) = pods(documents)["worker"]["spec"]["containers"]
        visible = [each["value"] for each in worker["env"] if each["name"] == "CUDA_VISIBLE_DEVICES"]
        given = worker["resources"]["limits"].get("nvidia.com/gpu")
        assert (visible, given) == ((["0"], "1") if name == "overlays/gpu" else ([], None))


def test_every_container_is_closed_and_knows_its_limits(documents):
    for pod in pods(documents).values():
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # what may be written


def test_our_user_is_the_image_s(documents):
    (user,) = re.findall(r"^USER (\d+):", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for name in ("init", "worker", "dashboard"):
        context = pods(documents)[name]["spec"]["securityContext"]
        assert {context[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user)}


def test_each_worker_keeps_its_marks_to_itself(documents):
    spec = pods(documents)["worker"]["spec"]
    (worker,) = spec["containers"]
    (name,) = [mount["name"] for mount in worker["volumeMounts"] if mount["mountPath"].endswith("/sweep-data/workers")]
    assert {"name": name, "emptyDir": {}} in spec["volumes"]


def test_the_dashboard_is_probed_without_its_password(documents):
    (dashboard,) = pods(documents)["dashboard"]["spec"]["containers"]
    assert dashboard["readinessProbe"]["tcpSocket"] == {"port": "http"}
    (composed,) = [service for name, service in compose_services().items() if name == "dashboard"]
    assert ["CMD", *dashboard["livenessProbe"]["exec"]["command"]] == composed["healthcheck"]["test"]


def test_an_overlay_names_only_folders_that_are_there():
    for path in FOLDER.rglob(KUSTOMIZATION):
        content = yaml.safe_load(path.read_text())
        for each in [*content.get("resources", []), *content.get("components", [])]:
            assert (path.parent / Path(each)).exists(), f"{path}: {each}"
