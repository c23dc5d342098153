"""From a YAML to a served model, and what status says on the way. What can go wrong with models and pods has tests of its own."""

from collections.abc import Callable

import pytest
from sklearn.dummy import DummyRegressor

from support.cluster.deployed import COLD, Deployed
from support.cluster.sandbox import Kubectl, KubectlError
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = pytest.mark.cluster

ROW = [[1.0, 2.0]]


@pytest.fixture(scope="module")
def constants(model_store: ModelStore) -> Callable[[float], str]:
    """The URI of a model that always answers one number."""

    def of(answer: float) -> str:
        model = DummyRegressor(strategy="constant", constant=answer).fit([[0.0, 0.0]], [0.0])
        model.n_features_in_ = 2
        return model_store.put(f"constant-{answer:g}.joblib", model)

    return of


def _expect_refusal(deployed: Deployed, reason: str, says: str) -> None:
    """The present spec is not served for this reason, and the message names `says`."""
    condition = deployed.becomes(reason)
    assert condition["status"] == "False"
    assert says in condition["message"], condition["message"]


def test_a_model_is_served_updated_refused_and_deleted(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str], model_store: ModelStore
) -> None:
    deployed.apply(model={"uri": constants(1), "version": "one"}, scheduling=COLD).is_ready()
    deployed.answers(ROW, [1.0])
    first = deployed.status
    assert first["stable"]["digest"].startswith("sha256:")
    assert first["stable"]["version"] == "one"
    assert "candidate" not in first
    kubectl("wait", "--for=condition=Ready", "modeldeployment/fraud", "--timeout=1s")
    gauges = deployed.gauges()
    assert [gauges[name] for name in ("ready", "available", "stalled", "replicas_wanted", "replicas_ready")] == [
        1,
        1,
        0,
        1,
        1,
    ]
    assert gauges["generation"] == gauges["observed_generation"]
    assert 'modelway_requests_total{code="200"' in deployed.served_metrics()

    deployed.apply(model={"uri": model_store.uri("absent.joblib"), "version": "two"})
    _expect_refusal(deployed, "ModelNotFound", "absent.joblib")
    gauges = deployed.gauges()
    assert [gauges[name] for name in ("ready", "available", "stalled")] == [0, 1, 1]
    status = deployed.status
    assert status["stable"] == first["stable"]
    assert (status["candidate"]["version"], status["candidate"]["reason"]) == ("two", "ModelNotFound")
    assert deployed.condition("Available")["status"] == "True"
    assert deployed.condition("Stalled")["status"] == "True"
    assert deployed.ask(ROW) == {"predictions": [1.0]}

    deployed.apply(model={"uri": constants(2)}, scheduling={"tolerations": [{"operator": "Exists"}]})
    _expect_refusal(deployed, "NotPermitted", "spec.scheduling.tolerations[0]: has no key")
    assert deployed.condition("Stalled")["status"] == deployed.condition("Available")["status"] == "True"
    assert deployed.ask(ROW) == {"predictions": [1.0]}

    deployed.apply(model={"uri": constants(2)}).is_ready()
    deployed.answers(ROW, [2.0])

    def reasons() -> list[str]:
        of_models = [one for one in kubectl.list("events") if one["involvedObject"]["kind"] == "ModelDeployment"]
        return sorted(one["reason"] for one in of_models)

    # The Event of a status follows it.
    wanted = ["ModelNotFound", "NotPermitted", "Serving", "Serving"]
    eventually(lambda: reasons() == wanted, describe=lambda: kubectl("get", "events", "-o", "wide"))

    kubectl("delete", "modeldeployment", "fraud", "--wait=true")
    kinds = "deployment,service,hpa,poddisruptionbudget,controllerrevision,pod"
    eventually(lambda: kubectl("get", kinds, "-o", "name") == "", deadline=60)
    eventually(lambda: not deployed.gauges())


def test_pods_beyond_the_quota_are_told(deployed: Deployed, kubectl: Kubectl) -> None:
    kubectl("create", "quota", "tight", "--hard=pods=0")
    deployed.apply()
    _expect_refusal(deployed, "QuotaExceeded", "tight")


def test_a_suspended_model_is_left_as_it_is(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str]
) -> None:
    deployed.apply(model={"uri": constants(6)}).is_ready()
    deployed.apply(model={"uri": constants(7)}, suspend=True)
    deployed.becomes("Suspended")
    assert deployed.condition("Available")["status"] == "True"
    kubectl("delete", "service", "fraud")
    eventually(lambda: deployed.condition("Available")["reason"] == "NoService", deadline=20)
    assert deployed.condition("Reconciling")["status"] == "False"
    with pytest.raises(KubectlError, match="not found"):
        deployed.child("service")
    deployed.apply(model={"uri": constants(7)}).is_ready()
    deployed.answers(ROW, [7.0])
