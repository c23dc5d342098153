"""Children that cannot be what they should: rights are missing, the name is taken, somebody keeps changing them, the namespace goes.

One model for each kind of child where the kind matters; they share the time that waiting takes.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.repairs.backoff import QUICK_REPAIRS
from modelway.desired.revision import revision_of
from support.background import background
from support.cluster.audit import Audit
from support.cluster.deployed import NOWHERE, OPERATOR, Deployed
from support.cluster.sandbox import Kubectl, KubectlError, namespace_manifest
from support.operator.specs import manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SETTLE_SECONDS = 30.0
"""Ten on a machine that does nothing else."""

AUTOSCALED = {"scaling": {"min": 1, "max": 3}, "scheduling": NOWHERE}
PLURALS = {
    "Deployment": "deployments",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "ControllerRevision": "controllerrevisions",
}


def _models(kubectl: Kubectl) -> dict[str, Deployed]:
    """A model for each kind of child, named after it."""
    return {kind: Deployed(kubectl, kind.lower()[:20]) for kind in PLURALS}


def _child_name(kind: str, name: str) -> str:
    if kind != "ControllerRevision":
        return name
    document = manifest(name, **AUTOSCALED)
    document["metadata"] |= {"namespace": "x", "uid": "u"}
    return f"{name}-{revision_of(ModelDeployment.parse(document)).hash}"


@contextmanager
def _rights_taken(kubectl: Kubectl) -> Iterator[None]:
    """The operator may read children, but neither create nor change them."""
    role = kubectl.get("clusterrole", "modelway")
    rules = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if verb not in {"create", "patch"}]}
        if set(rule["resources"]) & set(PLURALS.values())
        else rule
        for rule in role["rules"]
    ]
    kubectl("patch", "clusterrole", "modelway", "--type=merge", "-p", json.dumps({"rules": rules}))
    try:
        # The API server learns of the change a little later, and until then the operator repairs what is broken.
        eventually(lambda: not _may_patch_services(kubectl))
        yield
    finally:
        kubectl("patch", "clusterrole", "modelway", "--type=merge", "-p", json.dumps({"rules": role["rules"]}))


def _may_patch_services(kubectl: Kubectl) -> bool:
    try:
        kubectl("auth", "can-i", "patch", "services", f"--as={OPERATOR}")
    except KubectlError:
        return False
    return True


def test_missing_right_is_named_and_its_return_heals(installed: str, kubectl: Kubectl, namespace: str) -> None:
    models = _models(kubectl)
    for model in models.values():
        model.apply(**AUTOSCALED)
    for model in models.values():
        model.becomes("Unschedulable")
    with _rights_taken(kubectl):
        for kind, model in models.items():
            kubectl.discard(kind, _child_name(kind, model.name))
        for kind, model in models.items():
            condition = model.becomes("OperatorForbidden", deadline=SETTLE_SECONDS)
            assert f"(system:serviceaccount:{installed}:modelway) may not" in condition["message"]
            assert f"{PLURALS[kind]} in namespace {namespace}" in condition["message"]
            assert "Ask whoever runs the cluster" in condition["message"]
    for kind, model in models.items():
        eventually(partial(kubectl.exists, kind, _child_name(kind, model.name)), deadline=SETTLE_SECONDS)
        model.becomes("Unschedulable", deadline=SETTLE_SECONDS)


def _stranger(kind: str, name: str) -> dict[str, Any]:
    """Somebody's own object."""
    labels = {"app": "theirs"}
    container = {"name": "c", "image": "i"}
    contents: dict[str, dict[str, Any]] = {
        "Deployment": {
            "apiVersion": "apps/v1",
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        "Service": {"apiVersion": "v1", "spec": {"selector": labels, "ports": [{"port": 5432}]}},
        "PodDisruptionBudget": {"apiVersion": "policy/v1", "spec": {"selector": {"matchLabels": labels}}},
        "HorizontalPodAutoscaler": {
            "apiVersion": "autoscaling/v2",
            "spec": {
                "maxReplicas": 2,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "theirs"},
            },
        },
        "ControllerRevision": {"apiVersion": "apps/v1", "revision": 1, "data": {"mine": True}},
    }
    return {"kind": kind, "metadata": {"name": name}, **contents[kind]}


def test_object_with_the_name_of_a_child_is_named_and_left_alone(installed: str, kubectl: Kubectl) -> None:
    models = _models(kubectl)
    kubectl.create([_stranger(kind, _child_name(kind, model.name)) for kind, model in models.items()])
    before = {kind: kubectl.get(kind, _child_name(kind, model.name)) for kind, model in models.items()}
    for model in models.values():
        model.apply(**AUTOSCALED)
    for kind, model in models.items():
        name = _child_name(kind, model.name)
        assert f"kubectl delete {PLURALS[kind]} {name}" in model.becomes("NameConflict")["message"]
        child = kubectl.get(kind, name)
        assert child["metadata"]["uid"] == before[kind]["metadata"]["uid"]
        assert (child.get("spec"), child.get("data")) == (before[kind].get("spec"), before[kind].get("data"))
    for kind, model in models.items():
        kubectl.discard(kind, _child_name(kind, model.name))
    for model in models.values():
        model.becomes("Unschedulable", deadline=SETTLE_SECONDS)


@contextmanager
def _again_and_again(act: Callable[[], object]) -> Iterator[None]:
    """Somebody's controller: it acts a few times a second, whatever others do."""

    def loop(over: threading.Event) -> None:
        while not over.is_set():
            act()
            over.wait(0.3)

    with background(loop):
        yield


def _served_by(kubectl: Kubectl, manager: str, name: str, selector: str) -> None:
    patch = json.dumps({"spec": {"selector": {"modelway.dev/name": selector}}})
    kubectl("patch", "service", name, "--type=merge", "-p", patch, f"--field-manager={manager}")


def test_contested_child_is_reported_and_repaired_rarely(
    deployed: Deployed, namespace: str, audit: Audit, cluster_kubectl: Kubectl
) -> None:
    kubectl = deployed.kubectl
    deployed.apply(**AUTOSCALED).becomes("Unschedulable")
    _served_by(kubectl, "a-person", "fraud", "once")
    eventually(lambda: deployed.child("service")["spec"]["selector"]["modelway.dev/name"] == "fraud", deadline=10)
    assert deployed.condition()["reason"] == "Unschedulable", "one edit is no contest"
    audit.restart()

    with _again_and_again(lambda: _served_by(kubectl, "traffic-robot", "fraud", "elsewhere")):
        condition = deployed.becomes("ChildContested")
        assert "Service fraud" in condition["message"]
        assert "spec.selector is set by field manager traffic-robot" in condition["message"]
        _operator_restarts(cluster_kubectl)
        begin, reasons = time.monotonic(), set()
        while time.monotonic() - begin < 8:
            reasons.add(deployed.condition()["reason"])
        assert reasons == {"ChildContested"}, "a new operator knows of the contest"
        repairs = [write for write in audit.writes(namespace) if write.resource == "services"]
        assert len(repairs) <= 2 * QUICK_REPAIRS
        statuses = [write for write in audit.writes(namespace) if write.resource == "modeldeployments/status"]
        assert len(statuses) <= 3
    eventually(lambda: deployed.child("service")["spec"]["selector"]["modelway.dev/name"] == "fraud", deadline=60)
    deployed.becomes("Unschedulable", deadline=SETTLE_SECONDS)


def _operator_restarts(cluster_kubectl: Kubectl) -> None:
    system = cluster_kubectl.in_namespace("modelway-system")
    system("delete", "pods", "--all", "--wait=true")
    system("rollout", "status", "deployment/modelway", "--timeout=60s")


def test_what_is_deleted_or_scaled_again_and_again_is_told_too(
    deployed: Deployed, kubectl: Kubectl, namespace: str, audit: Audit
) -> None:
    """A script that deletes, and an autoscaler of the user's own on a model of a fixed size."""
    scaled = Deployed(kubectl, "scaled").apply(scaling={"replicas": 1}, scheduling=NOWHERE)
    deployed.apply(**AUTOSCALED).becomes("Unschedulable")
    scaled.becomes("Unschedulable")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "scaled"}
    kubectl.create(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "mine"},
            "spec": {"minReplicas": 3, "maxReplicas": 5, "scaleTargetRef": target},
        }
    )
    with _again_and_again(lambda: kubectl("delete", "pdb", "fraud", "--ignore-not-found", "--wait=false")):
        message = deployed.becomes("ChildContested")["message"]
        assert "PodDisruptionBudget fraud is contested: it is deleted each time it is made anew" in message
        message = scaled.becomes("ChildContested")["message"]
        assert "spec.replicas is set by field manager kube-controller-manager" in message
        for resource in ("poddisruptionbudgets", "deployments"):
            writes = [write for write in audit.writes(namespace) if write.resource == resource]
            assert len(writes) <= QUICK_REPAIRS + 4, writes
    kubectl("delete", "hpa", "mine")
    scaled.becomes("Unschedulable", deadline=60)


def test_a_namespace_that_cannot_go_says_that_it_is_going(installed: str, cluster_kubectl: Kubectl) -> None:
    """Kubernetes ends the pods of a namespace first, and the rest of it only when they have gone."""
    name = "stuck-in-its-end"
    cluster_kubectl.create(namespace_manifest(name))
    kubectl = cluster_kubectl.in_namespace(name)
    model = Deployed(kubectl, "fraud")
    model.apply(**AUTOSCALED).becomes("Unschedulable")
    [pod] = kubectl.list("pods")
    _hold(kubectl, pod["metadata"]["name"], "example.com/held")
    cluster_kubectl.discard("namespace", name)
    try:
        eventually(lambda: cluster_kubectl.get("namespace", name)["status"]["phase"] == "Terminating")
        kubectl("delete", "service", "fraud")
        condition = model.becomes("NamespaceTerminating", deadline=SETTLE_SECONDS)
        assert name in condition["message"]
        assert model.condition("Stalled")["status"] == "True"
    finally:
        _hold(kubectl, pod["metadata"]["name"])
    eventually(lambda: not cluster_kubectl.exists("namespace", name), deadline=60)


def _hold(kubectl: Kubectl, pod: str, *finalizers: str) -> None:
    kubectl("patch", "pod", pod, "--type=merge", "-p", json.dumps({"metadata": {"finalizers": finalizers}}))
