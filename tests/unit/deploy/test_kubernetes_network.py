"""What may go from one pod to another, and out: the policies of deploy/kubernetes."""

import pytest

from tests.manifests import COMPONENT, one, pods


def chosen(selector, names):
    """Which of our pods a policy's selector means."""
    wanted = set(names)
    for value in selector.get("matchLabels", {}).values():
        wanted &= {value}
    for expression in selector.get("matchExpressions", []):
        assert (expression["key"], expression["operator"]) == (COMPONENT, "In")
        wanted &= set(expression["values"])
    return wanted


def ways(documents, direction, peer):
    """Pairs of pods, and the port between them, that the policies of one direction let through; None: anywhere."""
    names = set(pods(documents))
    for document in documents:
        if document["kind"] != "NetworkPolicy" or direction.title() not in document["spec"]["policyTypes"]:
            continue
        for rule in document["spec"].get(direction, []):
            for port in rule["ports"]:
                for own in chosen(document["spec"]["podSelector"], names):
                    for other in rule.get(peer, [{}]):
                        if "namespaceSelector" in other:
                            continue
                        for name in chosen(other["podSelector"], names) if "podSelector" in other else {None}:
                            yield own, name, port["port"]


def test_what_goes_out_goes_in_and_nothing_else(documents):
    closed = one(documents, "NetworkPolicy", "nothing-else")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ports = {port["port"] for each in documents if each["kind"] == "Service" for port in each["spec"]["ports"]}
    out = {(own, other, port) for own, other, port in ways(documents, "egress", "to") if other is not None}
    into = {(other, own, port) for own, other, port in ways(documents, "ingress", "from")}
    assert out == {(name, "postgres", 5432) for name in ("init", "worker", "dashboard")}
    assert out <= into
    assert {port for _, _, port in into} == ports
    assert {own for other, own, port in into if port == 8080} == {"dashboard"}


def test_with_files_in_a_store_pods_reach_it_and_share_no_volume(built):
    if "overlays/s3" not in built:
        pytest.skip("There is no kubectl here.")
    for name, documents in built.items():
        reaching = {own for own, other, port in ways(documents, "egress", "to") if (other, port) == (None, 443)}
        claims = [each for each in documents if each["kind"] == "PersistentVolumeClaim"]
        told = "SWEEP_ARTIFACTS" in one(documents, "ConfigMap", "study")["data"]
        if name != "overlays/s3":
            assert (reaching, len(claims), told) == (set(), 1, False)
            continue
        assert (reaching, len(claims), told) == ({"init", "worker", "dashboard"}, 0, True)
        for pod in reaching:
            last = pods(documents)[pod]["spec"]["containers"][0]
            assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= {each["name"] for each in last["env"]}
            assert {"configMapRef": {"name": "study"}} in last["envFrom"]  # the store's address
