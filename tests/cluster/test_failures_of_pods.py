"""A pod that cannot start: each way has its reason, and a message that names the object, the cause and what to do. All at once in one namespace."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from modelway.status.reasons import Reason
from sandbox import Sandbox
from support.cluster.deployed import Deployed
from support.cluster.pinned import apply_pinned
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.cluster.silent_node import silent_node
from support.models import Littering
from support.stores.model_store import FORBIDDEN, ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SECONDS = 120.0
PRIVATE = f"private/server-{os.getpid()}"
BROKEN = f"broken/server-{os.getpid()}"
ROOM = f"ml-{os.getpid()}"
TAINT = {"key": "dedicated", "value": "ml", "effect": "NoSchedule"}
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}}


class Case(NamedTuple):
    """What is said of a ModelDeployment."""

    reason: Reason
    says: tuple[str, ...]


CASES = {
    "image-missing": Case(Reason.IMAGE_PULL_FAILED, ("Image modelway/nowhere:1 of pod", "not found", "server.image")),
    "image-denied": Case(
        Reason.IMAGE_PULL_DENIED, (f"Image {PRIVATE}:1", "401 Unauthorized", "server.imagePullSecrets")
    ),
    "no-room": Case(Reason.UNSCHEDULABLE, ("with too little free cpu", "Insufficient cpu", "resources.requests")),
    "no-device": Case(
        Reason.UNSCHEDULABLE,
        ("1 with too few free example.com/gpu", "Insufficient example.com/gpu", "resources.limits"),
    ),
    "no-label": Case(Reason.UNSCHEDULABLE, ("without the labels", "spec.scheduling.nodeSelector")),
    "tainted": Case(
        Reason.UNSCHEDULABLE, ("1 with a taint that the pod does not tolerate", "spec.scheduling.tolerations")
    ),
    "no-secret": Case(Reason.SECRET_NOT_FOUND, ("There is no Secret absent in namespace", "Create it")),
    "no-keys": Case(
        Reason.ACCESS_DENIED, ("without credentials", "Secret empty of namespace", "AWS_ACCESS_KEY_ID", "403")
    ),
    "evicted": Case(Reason.EVICTED, ('EmptyDir volume "tmp"', "Node sandbox stopped pod evicted-")),
    "stopped": Case(Reason.CRASH_LOOP, ("exit code 1", "kubectl logs stopped-")),
}


def _secret(name: str) -> dict[str, Any]:
    return {"storage": {"secretRef": {"name": name}}}


@pytest.fixture(scope="module")
def crowd(sandbox: Sandbox, cluster_kubectl: Kubectl, installed: str, model_store: ModelStore) -> Iterator[Kubectl]:
    """Every case as a ModelDeployment; kubectl in their namespace."""
    name = f"pods-{os.getpid()}"
    cluster_kubectl.create(namespace_manifest(name))
    kubectl = cluster_kubectl.in_namespace(name)
    eventually(lambda: kubectl.exists("serviceaccount", "default"))
    added = {PRIVATE: {"forbidden": True}, BROKEN: {"entrypoint": ["/bin/false"]}}
    sandbox.images.write_text(json.dumps({**json.loads(sandbox.images.read_text()), **added}))
    endpoint = f"--from-literal=AWS_ENDPOINT_URL={model_store.address}"
    kubectl("create", "secret", "generic", "empty", endpoint)
    with silent_node(cluster_kubectl, ROOM, taints=[TAINT]):
        for title, apply in causes_by_name(model_store).items():
            apply(Deployed(kubectl, title))
        yield kubectl
        cluster_kubectl.discard("namespace", name)


def causes_by_name(store: ModelStore) -> dict[str, Callable[[Deployed], object]]:
    uri, small = store.uri("any.joblib"), {"resources": SMALL}
    litter = store.put("litter.joblib", Littering())
    broken = {**small, "image": f"{BROKEN}:1"}
    return {
        "image-missing": lambda one: apply_pinned(one, "modelway/nowhere:1", model={"uri": uri}),
        "image-denied": lambda one: apply_pinned(one, f"{PRIVATE}:1", model={"uri": uri}),
        "no-room": lambda one: one.apply(runtime={"resources": {"requests": {"cpu": "900"}}}),
        "no-device": lambda one: one.apply(runtime={"resources": {"limits": {"example.com/gpu": 3}}}),
        "no-label": lambda one: one.apply(scheduling={"nodeSelector": {"example.com/room": "none"}}),
        "tainted": lambda one: one.apply(scheduling={"nodeSelector": {"example.com/room": ROOM}}),
        "no-secret": lambda one: one.apply(model={"uri": uri, **_secret("absent")}, runtime=small),
        "no-keys": lambda one: one.apply(
            model={"uri": f"s3://{FORBIDDEN}/model.joblib", **_secret("empty")}, runtime=small
        ),
        "evicted": lambda one: one.apply(model={"uri": litter}, runtime=small),
        "stopped": lambda one: one.apply(model={"uri": litter}, runtime=broken),
    }


@pytest.mark.parametrize("title", CASES)
def test_the_message_names_the_cause_and_the_remedy(crowd: Kubectl, title: str) -> None:
    case = CASES[title]
    deployed = Deployed(crowd, title)
    condition = deployed.becomes(case.reason, deadline=SECONDS)
    assert [part for part in case.says if part not in condition["message"]] == [], condition["message"]
    assert condition["status"] == "False"
    waits = case.reason.waiting_cures
    conditions = {kind: deployed.condition(kind)["status"] for kind in ("Reconciling", "Stalled")}
    assert conditions == {"Reconciling": str(waits), "Stalled": str(not waits)}


def test_every_message_is_seen_in_one_line_of_kubectl_get(crowd: Kubectl) -> None:
    header, *rows = crowd("get", "mdep").splitlines()
    assert header.split()[-1] == "MESSAGE"
    assert {row.split()[0] for row in rows} == set(CASES)
