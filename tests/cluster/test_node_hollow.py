"""Hollow pods: Ready without a process, and otherwise pods like any other; and a node that has room for as many as one likes."""

from typing import Any

import pytest

from sandbox.capacity import CAPACITY, capacity
from sandbox.errors import SandboxError
from support.cluster.pods import RESTRICTED, container, is_ready, pod, waiting_reason
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

HOLLOW = "sandbox/hollow:1"


def _hollow(**spec: Any) -> dict[str, Any]:
    serve = {"name": "serve", "image": HOLLOW, "securityContext": RESTRICTED}
    return pod(serve, initContainers=[{**serve, "name": "fetch"}], **spec)


def test_a_hollow_pod_is_ready_as_a_kubelet_says_it(kubectl: Kubectl) -> None:
    kubectl.create(_hollow())
    eventually(lambda: is_ready(kubectl))
    status = kubectl.get("pod", "pod")["status"]
    assert (status["phase"], {one["status"] for one in status["conditions"]}) == ("Running", {"True"})
    assert status["podIP"].startswith("127.")
    assert status["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"
    [serve] = status["containerStatuses"]
    assert (serve["ready"], serve["started"], serve["restartCount"], list(serve["state"])) == (
        True,
        True,
        0,
        ["running"],
    )
    kubectl("delete", "pod", "pod", "--wait=true", "--timeout=10s")


def test_a_closed_readiness_gate_keeps_it_unready(kubectl: Kubectl) -> None:
    kubectl.create(_hollow(readinessGates=[{"conditionType": "example.com/open"}]))
    eventually(lambda: kubectl.get("pod", "pod").get("status", {}).get("phase") == "Running")
    assert not is_ready(kubectl)
    opened = '{"status":{"conditions":[{"type":"example.com/open","status":"True"}]}}'
    kubectl("patch", "pod", "pod", "--subresource=status", "--type=strategic", "-p", opened)
    eventually(lambda: is_ready(kubectl))


def test_a_deployment_of_hollow_pods_scales(kubectl: Kubectl) -> None:
    template = {"metadata": {"labels": {"app": "many"}}, "spec": _hollow()["spec"]}
    spec = {"replicas": 60, "selector": {"matchLabels": {"app": "many"}}, "template": template}
    kubectl.create({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "many"}, "spec": spec})
    kubectl("rollout", "status", "deployment/many", "--timeout=60s")
    kubectl("scale", "deployment/many", "--replicas=0")
    eventually(lambda: not kubectl.list("pods"))


def test_a_hollow_pod_of_a_job_has_ended_well(kubectl: Kubectl) -> None:
    template = {"spec": {**_hollow()["spec"], "restartPolicy": "OnFailure"}}
    kubectl.create(
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": template}}
    )
    kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=60s")


def test_a_pod_that_is_hollow_in_part_does_not_start(kubectl: Kubectl) -> None:
    serve = {"name": "serve", "image": HOLLOW, "securityContext": RESTRICTED}
    kubectl.create(pod(serve, container()))
    eventually(lambda: waiting_reason(kubectl, "serve") in {"ErrImagePull", "ImagePullBackOff"})


def test_a_node_offers_what_it_is_told_to() -> None:
    assert capacity("pods=3000,nvidia.com/gpu=4") == {**CAPACITY, "pods": "3000", "nvidia.com/gpu": "4"}


@pytest.mark.parametrize(("text", "why"), [("gpus=1", "'gpus' is none of cpu"), ("pods=many", "'many' is no amount")])
def test_a_capacity_that_makes_no_sense_is_refused(text: str, why: str) -> None:
    with pytest.raises(SandboxError, match=why):
        capacity(text)
