"""From a YAML to a served model, and everything that can keep one from being served."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from sklearn.dummy import DummyRegressor

from support.cluster import Kubectl, KubectlError
from support.deployed import Deployed
from support.model_store import ModelStore
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


def _refused(deployed: Deployed, reason: str, says: str) -> None:
    """The present spec is not served for this reason, and the message names `says`."""
    condition = deployed.becomes(reason)
    assert condition["status"] == "False"
    assert says in condition["message"], condition["message"]


def test_a_model_is_served_updated_refused_and_deleted(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str], model_store: ModelStore
) -> None:
    deployed.apply(model={"uri": constants(1), "version": "one"}).is_ready()
    deployed.answers(ROW, [1.0])
    first = deployed.status
    assert first["stable"]["digest"].startswith("sha256:")
    assert first["stable"]["version"] == "one"
    assert "candidate" not in first
    kubectl("wait", "--for=condition=Ready", "modeldeployment/fraud", "--timeout=1s")

    deployed.apply(model={"uri": model_store.uri("absent.joblib"), "version": "two"})
    _refused(deployed, "ModelNotFound", "absent.joblib")
    status = deployed.status
    assert status["stable"] == first["stable"]
    assert (status["candidate"]["version"], status["candidate"]["reason"]) == ("two", "ModelNotFound")
    assert deployed.condition("Available")["status"] == "True"
    assert deployed.condition("Stalled")["status"] == "True"
    assert deployed.ask(ROW) == {"predictions": [1.0]}

    deployed.apply(model={"uri": constants(2)}).is_ready()
    deployed.answers(ROW, [2.0])
    reasons = [
        one["reason"]
        for one in json.loads(kubectl("get", "events", "-o", "json"))["items"]
        if one["involvedObject"]["kind"] == "ModelDeployment"
    ]
    assert sorted(reasons) == ["ModelNotFound", "Serving", "Serving"], kubectl("get", "events", "-o", "wide")

    kubectl("delete", "modeldeployment", "fraud", "--wait=true")
    kinds = "deployment,service,hpa,poddisruptionbudget,controllerrevision,pod"
    eventually(lambda: kubectl("get", kinds, "-o", "name") == "", deadline=60)


def test_a_file_that_is_no_model_is_refused_with_the_servers_words(deployed: Deployed, model_store: ModelStore) -> None:
    (model_store.directory / "broken.joblib").write_bytes(b"not a pickle at all")
    deployed.apply(model={"uri": model_store.uri("broken.joblib")})
    _refused(deployed, "InvalidArtifact", "joblib")
    assert deployed.condition("ModelAccepted")["status"] == "False"
    assert deployed.condition("Stalled")["status"] == "True"


def test_the_reason_does_not_change_while_the_pod_is_tried_again(
    deployed: Deployed, model_store: ModelStore, kubectl: Kubectl
) -> None:
    deployed.apply(model={"uri": model_store.uri("never-there.joblib")})
    moved = deployed.becomes("ModelNotFound")["lastTransitionTime"]

    def restarts() -> int:
        [pod] = kubectl.list("pods")
        return int(pod["status"]["initContainerStatuses"][0]["restartCount"])

    def tried_again() -> bool:
        assert deployed.condition()["reason"] == "ModelNotFound"
        return restarts() >= 3

    eventually(tried_again, deadline=60)
    assert deployed.condition()["lastTransitionTime"] == moved


def test_a_missing_secret_is_named_and_its_creation_heals(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str]
) -> None:
    deployed.apply(model={"uri": constants(3), "storage": {"secretRef": {"name": "store"}}})
    _refused(deployed, "SecretNotFound", "no Secret store in namespace")
    assert deployed.condition("Reconciling")["status"] == "True"
    kubectl("create", "secret", "generic", "store", "--from-literal=AWS_ACCESS_KEY_ID=x")
    deployed.is_ready()


def test_a_pod_that_fits_no_node_is_unschedulable(deployed: Deployed) -> None:
    deployed.apply(runtime={"resources": {"requests": {"cpu": "900"}}})
    _refused(deployed, "Unschedulable", "Insufficient cpu")


def test_pods_beyond_the_quota_are_told(deployed: Deployed, kubectl: Kubectl) -> None:
    kubectl("create", "quota", "tight", "--hard=pods=0")
    deployed.apply()
    _refused(deployed, "QuotaExceeded", "tight")


def test_a_server_that_ends_again_and_again_is_a_crash_loop(
    deployed: Deployed, constants: Callable[[float], str]
) -> None:
    deployed.apply(model={"uri": constants(4)}, runtime={"env": [{"name": "PYTHONHOME", "value": "/nowhere"}]})
    _refused(deployed, "CrashLoop", "kubectl logs")


def test_an_image_that_cannot_be_pulled_is_told_and_leaves_what_serves(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str]
) -> None:
    deployed.apply(model={"uri": constants(5)})
    [record] = eventually(lambda: kubectl.list("controllerrevisions"))
    kubectl("delete", "modeldeployment", "fraud", "--wait=true")
    eventually(lambda: not kubectl.list("controllerrevisions"))
    # A record that pins another image, as an operator with another image would have left it.
    template: Any = record["data"]["template"]
    for one in (*template["spec"]["initContainers"], *template["spec"]["containers"]):
        one["image"] = "modelway/nowhere:1"
    deployed.apply(model={"uri": constants(5)}, suspend=True)
    deployed.becomes("Suspended")
    uid = kubectl.get("modeldeployment", "fraud")["metadata"]["uid"]
    metadata = {part: record["metadata"][part] for part in ("name", "labels")}
    owners = [{**record["metadata"]["ownerReferences"][0], "uid": uid}]
    kubectl.apply({**record, "metadata": {**metadata, "ownerReferences": owners}}, "--field-manager=modelway")
    deployed.apply(model={"uri": constants(5)})
    _refused(deployed, "ImagePullFailed", "modelway/nowhere:1")


def test_a_suspended_model_is_left_as_it_is(
    deployed: Deployed, kubectl: Kubectl, constants: Callable[[float], str]
) -> None:
    deployed.apply(model={"uri": constants(6)}).is_ready()
    deployed.apply(model={"uri": constants(7)}, suspend=True)
    deployed.becomes("Suspended")
    kubectl("delete", "service", "fraud")
    assert deployed.condition("Available")["status"] == "True"
    assert deployed.condition("Reconciling")["status"] == "False"
    with pytest.raises(KubectlError, match="not found"):
        deployed.child("service")
    deployed.apply(model={"uri": constants(7)}).is_ready()
    deployed.answers(ROW, [7.0])
