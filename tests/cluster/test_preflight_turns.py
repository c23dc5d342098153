"""Revisions take turns to be proved, where `preflight.maxConcurrent` allows no more at once."""

from collections.abc import Iterator

import pytest
from sklearn.dummy import DummyRegressor

from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl
from support.stores.model_store import ModelStore

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

LIMIT = "MODELWAY_PREFLIGHT_MAX_CONCURRENT"


@pytest.fixture
def one_at_once(installed: str, cluster_kubectl: Kubectl) -> Iterator[None]:
    """The operator proves one revision at a time."""
    operator = cluster_kubectl.in_namespace(installed)
    (container,) = operator.get("deployment", "modelway")["spec"]["template"]["spec"]["containers"]
    before = next(one["value"] for one in container["env"] if one["name"] == LIMIT)
    _limit(operator, "1")
    yield
    _limit(operator, before)


def _limit(operator: Kubectl, number: str) -> None:
    operator("set", "env", "deployment/modelway", f"{LIMIT}={number}")
    operator("rollout", "status", "deployment/modelway", "--timeout=90s")


@pytest.mark.usefixtures("one_at_once")
def test_second_revision_waits_for_its_turn_and_is_proved(kubectl: Kubectl, model_store: ModelStore) -> None:
    uri = model_store.put("turns.joblib", DummyRegressor(strategy="constant", constant=7.0).fit([[0.0]], [0.0]))
    first, second = Deployed(kubectl, "first"), Deployed(kubectl, "second")
    first.apply(model={"uri": uri}, preflight={"enabled": True}, scheduling=NOWHERE).becomes("Unschedulable")
    second.apply(model={"uri": uri}, preflight={"enabled": True})
    message = second.becomes("Proving")["message"]
    assert "waits for its turn to be proved" in message
    assert "preflight.maxConcurrent" in message
    assert [job["metadata"]["labels"]["modelway.dev/name"] for job in kubectl.list("jobs")] == ["first"]
    first.apply(model={"uri": uri}, preflight={"enabled": True}).is_ready()
    second.is_ready().answers([[0.0]], [7.0])
