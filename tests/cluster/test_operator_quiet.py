"""An operator with nothing to do writes nothing: not when idle, not after a restart, not beside a model that keeps failing."""

import time
import urllib.request
from collections.abc import Iterator

import pytest
from sklearn.dummy import DummyClassifier

from support.cluster.audit import Audit
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = pytest.mark.cluster

IDLE_SECONDS = 10.0


@pytest.fixture
def operator(cluster_kubectl: Kubectl, installed: str) -> Kubectl:
    """Kubectl in the operator's namespace."""
    return cluster_kubectl.in_namespace(installed)


@pytest.fixture
def at_rest(kubectl: Kubectl, installed: str, model_store: ModelStore, audit: Audit) -> Iterator[None]:
    """A model that serves under an autoscaler, one that fails for ever, and an operator that has said all about them."""
    good, bad = Deployed(kubectl, "good"), Deployed(kubectl, "bad")
    uri = model_store.put("good.joblib", DummyClassifier().fit([[0.0], [1.0]], [0, 1]))
    good.apply(model={"uri": uri}, scaling={"min": 1, "max": 2})
    bad.apply(model={"uri": model_store.uri("never.joblib")})
    good.is_ready()
    bad.becomes("ModelNotFound")
    eventually(lambda: good.condition("AutoscalingActive").get("status") == "True", deadline=120)
    # The operator still tries to write for a model of another test, while its namespace ends.
    eventually(
        lambda: not [one for one in kubectl.list("namespaces") if "deletionTimestamp" in one["metadata"]], deadline=60
    )
    _settle(audit)
    yield
    kubectl("delete", "modeldeployments", "--all")


def _settle(audit: Audit) -> None:
    """Wait until the operator has not written anything for a few seconds."""
    last = [0, time.monotonic()]

    def still() -> bool:
        count = len(audit.writes())
        if count != last[0]:
            last[:] = count, time.monotonic()
        return time.monotonic() - last[1] > 5

    eventually(still, deadline=60)
    audit.restart()


def _metric(operator: Kubectl, name: str) -> float:
    """A metric of the running operator; an AssertionError while it does not answer."""
    pods = [pod for pod in operator.list("pods") if not pod["metadata"].get("deletionTimestamp")]
    assert pods, "no operator"
    assert pods[0]["status"].get("podIP")
    try:
        with urllib.request.urlopen(f"http://{pods[0]['status']['podIP']}:8080/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError as error:
        raise AssertionError(str(error)) from error
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.usefixtures("at_rest")
def test_idle_and_restarted_it_writes_nothing(operator: Kubectl, audit: Audit) -> None:
    end = time.monotonic() + IDLE_SECONDS
    eventually(lambda: time.monotonic() > end, deadline=IDLE_SECONDS + 5)
    assert audit.writes() == []

    [before] = operator.list("pods")
    operator("delete", "pod", before["metadata"]["name"], "--wait=true")
    passes = 'modelway_operator_reconciles_total{result="ok"}'
    eventually(lambda: _metric(operator, passes) >= 2, deadline=60)
    operator("rollout", "status", "deployment/modelway", "--timeout=30s")
    end = time.monotonic() + 3
    eventually(lambda: time.monotonic() > end, deadline=10)
    assert audit.writes() == []


def test_it_tells_how_it_does(operator: Kubectl, deployed: Deployed) -> None:
    deployed.apply(scheduling={"nodeSelector": {"no": "node"}}).becomes("Unschedulable")
    assert _metric(operator, 'modelway_operator_modeldeployments{ready="False"}') >= 1
    assert _metric(operator, 'modelway_operator_api_writes_total{kind="Deployment",verb="apply"}') >= 1
    assert _metric(operator, "modelway_operator_loop_lag_seconds") < 5
    lines = operator("logs", "deployment/modelway").splitlines()
    assert all(line.startswith('{"time"') for line in lines)


def test_told_to_stop_it_ends_at_once_and_well(operator: Kubectl) -> None:
    [pod] = operator.list("pods")
    begin = time.monotonic()
    operator("delete", "pod", pod["metadata"]["name"], "--wait=true", "--timeout=30s")
    assert time.monotonic() - begin < 15
    operator("rollout", "status", "deployment/modelway", "--timeout=60s")
