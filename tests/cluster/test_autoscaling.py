"""The real autoscaler on real load: up, down without a lost request, and what status says where it cannot work."""

import json
import os
from collections.abc import Iterator

import pytest

from demo.load import Load
from support.cluster.audit import Audit
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.cluster.workload import Burner, ThreadCount
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = pytest.mark.cluster

API = "v1beta1.metrics.k8s.io"
FIGURES_SECONDS = 120
MOST_STATUS_WRITES = 12
"""From one pod to three and back: 3 were seen. A write at each look of the autoscaler would make dozens."""

QUICK = {"scaleDown": {"stabilizationWindowSeconds": 0}}
RANGE = {"min": 1, "max": 3, "cpu": 40, "behavior": QUICK}
SMALL = {"resources": {"requests": {"cpu": "60m"}}}
"""So little that a model is busy at once, also on a machine that is busy with other things."""
CONDITION = "AutoscalingActive"
PODS = "modelway.dev/name=fraud"


@pytest.fixture
def burner(deployed: Deployed, model_store: ModelStore) -> Deployed:
    """A model of one pod that the autoscaler watches."""
    deployed.apply(model={"uri": model_store.put("burner.joblib", Burner())}, runtime=SMALL, scaling=RANGE).is_ready()
    deployed.answers([[0]], [0.0])
    return deployed


@pytest.fixture
def no_metrics_api(cluster_kubectl: Kubectl) -> Iterator[Object]:
    """A cluster without a metrics API until the test, or its end, gives it back."""
    api = cluster_kubectl.get("apiservice", API)
    service = {"apiVersion": api["apiVersion"], "kind": api["kind"], "metadata": {"name": API}, "spec": api["spec"]}
    cluster_kubectl("delete", "apiservice", API)
    yield service
    cluster_kubectl.apply(service)


def load(model: Deployed, milliseconds: float, *, pause: float) -> Load:
    service = model.child("service")["spec"]
    url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v2/models/{model.name}/infer"
    tensor = {"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [[milliseconds]]}
    return Load(url, json.dumps({"inputs": [tensor]}).encode(), connections=4, pause=pause)


def becomes(model: Deployed, reason: str) -> Object:
    """Wait until the condition of the autoscaler has this reason; the condition."""

    def reached() -> Object:
        condition = model.condition(CONDITION)
        return condition if condition.get("reason") == reason else {}

    return eventually(reached, deadline=FIGURES_SECONDS, describe=lambda: model.condition(CONDITION))


def serving(model: Deployed) -> int:
    return int(model.status.get("readyReplicas", 0))


@pytest.mark.slow
def test_model_scaled_by_its_load_loses_no_request(
    burner: Deployed, kubectl: Kubectl, namespace: str, audit: Audit
) -> None:
    becomes(burner, "ValidMetricFound")
    audit.restart()
    with load(burner, 0, pause=0.25) as always:
        with load(burner, 12, pause=0.02) as peak:
            eventually(lambda: serving(burner) == 3, deadline=FIGURES_SECONDS, describe=lambda: kubectl("get", "hpa"))
            assert burner.name in kubectl("top", "pods", "-l", PODS)
            assert "sandbox" in kubectl("top", "nodes")
            message = becomes(burner, "TooManyReplicas")["message"]
        eventually(
            lambda: len(kubectl.list("pods", PODS)) == 1,
            deadline=FIGURES_SECONDS,
            describe=lambda: kubectl("get", "hpa"),
        )
        after = always.requests()
        eventually(lambda: always.requests() > after + 20)
    assert (always.tally().failures, peak.tally().failures) == ({}, {})
    assert "spec.scaling.max" in message
    writes = [write for write in audit.writes(namespace) if write.resource == "modeldeployments/status"]
    assert len(writes) <= MOST_STATUS_WRITES


def test_absent_metrics_api_is_named_and_scaling_then_resumes(
    burner: Deployed, cluster_kubectl: Kubectl, no_metrics_api: Object
) -> None:
    assert "Install metrics-server" in becomes(burner, "MetricsUnavailable")["message"]
    assert burner.condition()["status"] == "True"
    cluster_kubectl.apply(no_metrics_api)
    assert becomes(burner, "ValidMetricFound")["status"] == "True"


def test_a_second_autoscaler_is_named(burner: Deployed, kubectl: Kubectl) -> None:
    kubectl("autoscale", "deployment", "fraud", "--name=rival", "--max=5", "--cpu=50%")
    assert "rival" in becomes(burner, "AmbiguousSelector")["message"]
    kubectl("delete", "hpa", "rival")
    eventually(lambda: burner.condition(CONDITION)["reason"] != "AmbiguousSelector", deadline=30)


def test_a_deployment_at_zero_is_told_how_to_come_back(burner: Deployed, kubectl: Kubectl) -> None:
    kubectl("scale", "deployment", "fraud", "--replicas=0")
    assert "--replicas=1" in becomes(burner, "ScalingDisabled")["message"]


def test_the_threads_of_a_real_pod_follow_its_cpu_request(deployed: Deployed, model_store: ModelStore) -> None:
    uri = model_store.put("threads.joblib", ThreadCount())
    runtime = {"workers": 2, "resources": {"requests": {"cpu": "4"}}}
    deployed.apply(model={"uri": uri}, runtime=runtime).is_ready()
    # OpenBLAS starts no more threads than there are processors.
    deployed.answers([[0], [1]], [2.0, float(min(2, os.cpu_count() or 1))])
