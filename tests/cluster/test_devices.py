"""Devices of a node, counted out by the real scheduler: a model that holds all of them serves, and is replaced in place."""

import pytest
from sklearn.tree import DecisionTreeClassifier

from sandbox.capacity import CAPACITY
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl
from support.stores.model_store import ModelStore

pytestmark = pytest.mark.cluster

DEVICE = "example.com/gpu"


def test_a_model_that_holds_every_device_is_replaced_in_place(
    deployed: Deployed, kubectl: Kubectl, model_store: ModelStore
) -> None:
    uri = model_store.put("device.joblib", DecisionTreeClassifier().fit([[0.0], [1.0]], [0, 1]))
    spec = {
        "runtime": {"resources": {"limits": {DEVICE: CAPACITY[DEVICE], "ephemeral-storage": "2Gi"}}},
        "rollout": {"maxSurge": 0, "maxUnavailable": 1},
    }
    for version in ("v1", "v2"):
        deployed.apply(model={"uri": uri, "version": version}, **spec).is_ready()
        (pod,) = [one for one in kubectl.list("pods", "modelway.dev/name=fraud") if _is_ready(one)]
        resources = pod["spec"]["containers"][0]["resources"]
        assert resources["requests"][DEVICE] == resources["limits"][DEVICE] == CAPACITY[DEVICE]
        assert resources["requests"]["ephemeral-storage"] == "2Gi"
        assert deployed.status["stable"]["version"] == version


def _is_ready(pod: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return "deletionTimestamp" not in pod["metadata"] and any(
        one["type"] == "Ready" and one["status"] == "True" for one in conditions
    )
