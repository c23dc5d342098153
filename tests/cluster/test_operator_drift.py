"""What should be comes back, what others own stays, and what is not ours is not touched."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from support.cluster.audit import Audit
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.waiting import eventually

pytestmark = pytest.mark.cluster

REPAIR_SECONDS = 10.0
CHILDREN = ("deployment", "service", "poddisruptionbudget", "hpa", "controllerrevision")
AUTOSCALED = {"scaling": {"min": 1, "max": 3}, "scheduling": NOWHERE}


@pytest.fixture
def placed(deployed: Deployed) -> Deployed:
    """Every kind of child, without a process."""
    deployed.apply(**AUTOSCALED).becomes("Unschedulable")
    return deployed


def _name(placed: Deployed, kind: str) -> str:
    return (
        str(placed.kubectl.list("controllerrevision")[0]["metadata"]["name"])
        if kind == "controllerrevision"
        else placed.name
    )


@pytest.mark.parametrize("kind", CHILDREN)
def test_a_deleted_child_comes_back_as_it_was(placed: Deployed, kind: str) -> None:
    name = _name(placed, kind)
    before = placed.kubectl.get(kind, name)
    placed.kubectl.discard(kind, name)

    def another() -> bool:
        return bool(placed.kubectl.get(kind, name)["metadata"]["uid"] != before["metadata"]["uid"])

    eventually(another, deadline=REPAIR_SECONDS)
    after = placed.kubectl.get(kind, name)
    assert _ours(after) == _ours(before)


@pytest.mark.parametrize(
    ("kind", "patch", "read", "right"),
    [
        ("deployment", {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}, lambda o: o["spec"]["template"]["spec"]["terminationGracePeriodSeconds"], 50),
        ("service", {"spec": {"selector": {"modelway.dev/name": "other"}}}, lambda o: o["spec"]["selector"]["modelway.dev/name"], "fraud"),
        ("hpa", {"spec": {"maxReplicas": 99}}, lambda o: o["spec"]["maxReplicas"], 3),
        ("poddisruptionbudget", {"spec": {"maxUnavailable": 5}}, lambda o: o["spec"]["maxUnavailable"], 1),
        ("controllerrevision", {"metadata": {"labels": {"modelway.dev/name": "other"}}}, lambda o: o["metadata"]["labels"]["modelway.dev/name"], "fraud"),
        ("service", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}, lambda o: o["metadata"]["labels"]["app.kubernetes.io/managed-by"], "modelway"),
    ],
    ids=["deployment", "service", "hpa", "budget", "record", "the label we watch by"],
)  # fmt: skip
def test_an_edited_child_is_put_right(
    placed: Deployed, kind: str, patch: Any, read: Callable[[Any], Any], right: Any
) -> None:
    name = _name(placed, kind)
    placed.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps(patch))
    eventually(lambda: read(placed.kubectl.get(kind, name)) == right, deadline=REPAIR_SECONDS)


def test_what_others_own_stays(placed: Deployed, audit: Audit, namespace: str) -> None:
    theirs = {"metadata": {"annotations": {"team": "risk"}, "labels": {"cost": "42"}}}
    for kind in CHILDREN:
        placed.kubectl("patch", kind, _name(placed, kind), "--type=merge", "-p", json.dumps(theirs))
    placed.kubectl("patch", "deployment", "fraud", "--type=merge", "-p", json.dumps({"spec": {"minReadySeconds": 1}}))
    # A repair of ours proves that the operator has seen all of it.
    placed.kubectl(
        "patch",
        "service",
        "fraud",
        "--type=merge",
        "-p",
        json.dumps({"spec": {"selector": {"modelway.dev/name": "x"}}}),
    )
    eventually(
        lambda: placed.child("service")["spec"]["selector"]["modelway.dev/name"] == "fraud", deadline=REPAIR_SECONDS
    )
    for kind in CHILDREN:
        metadata = placed.kubectl.get(kind, _name(placed, kind))["metadata"]
        assert (metadata["annotations"]["team"], metadata["labels"]["cost"]) == ("risk", "42")
    assert placed.child("deployment")["spec"]["minReadySeconds"] == 1
    assert {write.resource for write in audit.writes(namespace)} <= {"services", "modeldeployments/status", "events"}


def test_an_object_that_is_not_ours_is_left_alone_until_it_goes(deployed: Deployed, kubectl: Kubectl) -> None:
    stranger = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "fraud"},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 5432}]},
    }
    kubectl.create(stranger)
    before = kubectl.get("service", "fraud")
    deployed.apply(scheduling=NOWHERE)
    condition = deployed.becomes("NameConflict")
    assert "kubectl delete services fraud" in condition["message"]
    assert kubectl.get("service", "fraud") == before
    assert not kubectl.list("deployment")
    kubectl("delete", "service", "fraud")
    deployed.becomes("Unschedulable", deadline=20)
    assert kubectl.get("service", "fraud")["metadata"]["ownerReferences"][0]["kind"] == "ModelDeployment"


def test_model_recreated_at_once_gets_new_children(placed: Deployed) -> None:
    before = {kind: placed.child(kind)["metadata"]["uid"] for kind in ("deployment", "service")}
    placed.kubectl("delete", "modeldeployment", "fraud", "--wait=true")
    placed.apply(**AUTOSCALED).becomes("Unschedulable")
    owner = placed.kubectl.get("modeldeployment", "fraud")["metadata"]["uid"]
    for kind, uid in before.items():
        metadata = placed.child(kind)["metadata"]
        assert metadata["uid"] != uid
        assert metadata["ownerReferences"][0]["uid"] == owner


def test_a_namespace_on_its_way_out_is_left_in_peace(
    installed: str, audit: Audit, namespace: str, cluster_kubectl: Kubectl
) -> None:
    going = f"{namespace}-going"
    cluster_kubectl.create(namespace_manifest(going))
    Deployed(cluster_kubectl.in_namespace(going), "fraud").apply(**AUTOSCALED).becomes("Unschedulable")
    audit.restart()
    cluster_kubectl("delete", "namespace", going, "--wait=true", "--timeout=60s")
    # The Event of a status follows it, and may come after the restart of the audit.
    assert not [write for write in audit.writes(going) if write.code == 201 and write.resource != "events"]


def test_repairs_are_fast(placed: Deployed) -> None:
    """The bound is for a machine that does other things besides; `docs` quote what a quiet one measures."""
    times = []
    for _ in range(5):
        uid = placed.child("service")["metadata"]["uid"]
        placed.kubectl.discard("service", "fraud")
        begin = time.monotonic()
        eventually(lambda uid=uid: placed.child("service")["metadata"]["uid"] != uid, deadline=REPAIR_SECONDS)  # type: ignore[misc]
        times.append(time.monotonic() - begin)
    assert sorted(times)[len(times) // 2] < 2.0


def _ours(obj: dict[str, Any]) -> dict[str, Any]:
    """An object without what its server and its controllers decide."""
    metadata = {part: obj["metadata"].get(part) for part in ("name", "labels", "ownerReferences")}
    spec = {name: value for name, value in obj.get("spec", {}).items() if name not in {"clusterIP", "clusterIPs"}}
    return {"metadata": metadata, "spec": spec, "data": obj.get("data")}


def test_characters_of_any_plane_reach_the_pods(deployed: Deployed) -> None:
    note = "naïve Bayes 🎲"
    deployed.apply(scheduling={**NOWHERE, "annotations": {"note": note}}).becomes("Unschedulable")
    assert deployed.child("deployment")["spec"]["template"]["metadata"]["annotations"]["note"] == note
