"""Who holds the size of the Deployment: handed to the autoscaler and back without a jump, and never lost."""

import pytest

from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

RANGE = {"min": 2, "max": 8}


def _size(deployed: Deployed) -> int:
    return int(deployed.child("deployment")["spec"]["replicas"])


def _is_ours(deployed: Deployed) -> bool:
    return deployed.owns("modelway", "deployment", "spec", "replicas")


def _sizes_seen(kubectl: Kubectl) -> set[int]:
    """Every size that a ReplicaSet was told, by the controller's own words."""
    events = kubectl(
        "get", "events", "--field-selector", "reason=ScalingReplicaSet", "-o", "jsonpath={.items[*].message}"
    )
    return {int(word) for word in events.split() if word.isdigit()}


def test_size_passes_to_the_autoscaler_and_back_without_a_jump(deployed: Deployed, kubectl: Kubectl) -> None:
    deployed.apply(scaling={"replicas": 4}, scheduling=NOWHERE)
    deployed.becomes("Unschedulable")
    assert (_size(deployed), _is_ours(deployed)) == (4, True)

    deployed.apply(scaling=RANGE, scheduling=NOWHERE)
    eventually(lambda: not _is_ours(deployed) and kubectl.exists("hpa", "fraud"))
    assert _size(deployed) == 4

    kubectl("scale", "deployment", "fraud", "--replicas=6")
    deployed.kubectl("delete", "service", "fraud")
    eventually(lambda: kubectl.exists("service", "fraud"))
    assert (_size(deployed), _is_ours(deployed)) == (6, False)

    deployed.apply(scaling={"replicas": 3}, scheduling=NOWHERE)
    eventually(lambda: _is_ours(deployed) and not kubectl.exists("hpa", "fraud"))
    assert _size(deployed) == 3
    kubectl("scale", "deployment", "fraud", "--replicas=9")
    eventually(lambda: _size(deployed) == 3)
    assert 1 not in _sizes_seen(kubectl)


def test_a_deployment_deleted_at_five_comes_back_at_five(deployed: Deployed, kubectl: Kubectl) -> None:
    deployed.apply(scaling=RANGE, scheduling=NOWHERE)
    eventually(lambda: kubectl.exists("hpa", "fraud"))
    eventually(lambda: _size(deployed) == 2)
    kubectl("scale", "deployment", "fraud", "--replicas=5")
    eventually(lambda: deployed.status.get("replicas") == 5)
    uid = deployed.child("deployment")["metadata"]["uid"]
    kubectl("delete", "deployment", "fraud")
    eventually(lambda: deployed.child("deployment")["metadata"]["uid"] != uid and not _is_ours(deployed))
    assert _size(deployed) == 5


def test_the_autoscalers_word_is_in_status(deployed: Deployed) -> None:
    deployed.apply(scaling={"max": 3}, scheduling=NOWHERE).becomes("Unschedulable")
    assert deployed.condition("AutoscalingActive")["reason"] == "FetchingMetrics"


def test_kubectl_scale_reaches_the_spec_and_the_pods(deployed: Deployed, kubectl: Kubectl) -> None:
    deployed.apply(scaling={"replicas": 1}, scheduling=NOWHERE).becomes("Unschedulable")
    kubectl("scale", "modeldeployment", "fraud", "--replicas=2")
    eventually(lambda: _size(deployed) == 2)
    eventually(lambda: deployed.status["replicas"] == 2)
