"""No request is lost while a model goes from one version to the next; and the drain is what that takes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from demo.load import Load, Tally
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.settings import Settings
from support.cluster.sandbox import Kubectl, Object
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

REQUESTS = 10_000
ROLLOUT_SECONDS = 100


@pytest.fixture(scope="module")
def model(model_store: ModelStore) -> str:
    features, target = load_breast_cancer(return_X_y=True)
    return model_store.put(
        "cancer/model.joblib", make_pipeline(StandardScaler(), LogisticRegression()).fit(features, target)
    )


@pytest.fixture
def body() -> bytes:
    row = load_breast_cancer().data[:1]
    tensor = {"name": "input", "shape": list(row.shape), "datatype": "FP64", "data": row.tolist()}
    return json.dumps({"inputs": [tensor]}).encode()


def test_a_rolling_update_under_load_loses_no_request(
    installed: str, kubectl: Kubectl, namespace: str, model: str, body: bytes
) -> None:
    def serve(version: str) -> None:
        kubectl.apply(_manifest(namespace, model, version))
        kubectl("wait", "mdep/cancer", "--for=condition=Ready", f"--timeout={ROLLOUT_SECONDS}s")

    tally = _load_while_updating(kubectl, serve, body, REQUESTS)

    assert tally.failures == {}
    assert tally.requests >= REQUESTS
    assert {"v1", "v2"} <= tally.versions.keys()


def test_without_time_to_drain_requests_are_lost(kubectl: Kubectl, namespace: str, model: str, body: bytes) -> None:
    def serve(version: str) -> None:
        kubectl.apply(_children_without_time_to_drain(_manifest(namespace, model, version)))
        kubectl("rollout", "status", "deployment/cancer", f"--timeout={ROLLOUT_SECONDS}s")

    tally = _load_while_updating(kubectl, serve, body, REQUESTS // 10)

    assert tally.failed > 0


def _load_while_updating(kubectl: Kubectl, serve: Callable[[str], None], body: bytes, requests: int) -> Tally:
    """What clients got from before the update until the old pods are gone and enough requests were made."""
    serve("v1")
    service = kubectl.get("service", "cancer")["spec"]
    url = f"http://{service['clusterIP']}:{service['ports'][0]['port']}/v2/models/cancer/infer"
    eventually(lambda: _answers(url, body))
    with Load(url, body, pause=0.001) as load:
        eventually(lambda: load.requests() > requests / 4, deadline=ROLLOUT_SECONDS)
        serve("v2")
        eventually(lambda: len(kubectl.list("pods", "modelway.dev/name=cancer")) == 2, deadline=ROLLOUT_SECONDS)
        enough = max(requests, load.requests() + requests / 10)
        eventually(lambda: load.requests() >= enough, deadline=ROLLOUT_SECONDS)
    return load.tally()


def _answers(url: str, body: bytes) -> bool:
    with Load(url, body, connections=1) as load:
        eventually(lambda: load.requests() > 0)
    return load.tally().failed == 0


def _manifest(namespace: str, model: str, version: str) -> Object:
    return {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "cancer", "namespace": namespace},
        "spec": {"model": {"uri": model, "version": version}, "scaling": {"replicas": 2}},
    }


def _children_without_time_to_drain(manifest: Object) -> list[dict[str, Any]]:
    """The Deployment and Service that the operator would make, but for pods that are killed as soon as they are told to stop."""
    owned = {**manifest, "metadata": {**manifest["metadata"], "uid": "00000000-0000-0000-0000-000000000000"}}
    deployment, settings = ModelDeployment.parse(owned), Settings()
    revision = revision_of(deployment)
    template = pod_template(deployment, revision, settings)
    template["spec"]["terminationGracePeriodSeconds"] = 0
    children = build_children(deployment, revision, template, replicas=2, settings=settings, number=1)
    wanted = [child for child in children if child["kind"] in {"Deployment", "Service"}]
    for child in wanted:
        del child["metadata"]["ownerReferences"]
    return wanted
