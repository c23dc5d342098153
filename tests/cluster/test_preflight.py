"""A revision is proved before pods serve it, on a real API server with real Jobs; what serves meanwhile serves on."""

from collections.abc import Callable
from typing import Any

import pytest
from sklearn.linear_model import LinearRegression

from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl
from support.stores.model_store import ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROWS = [[0.0], [1.0], [2.0], [3.0]]
DOUBLES: dict[str, Any] = {"request": {"instances": [[4.0]]}, "expect": {"predictions": [8.0]}}
PROVED: dict[str, Any] = {"enabled": True, "smokeTests": [DOUBLES]}
Fit = Callable[[float], LinearRegression]


def _times(factor: float) -> LinearRegression:
    return LinearRegression().fit(ROWS, [factor * row[0] for row in ROWS])


def _jobs(kubectl: Kubectl, name: str) -> list[str]:
    return [one["metadata"]["name"] for one in kubectl.list("jobs", f"modelway.dev/name={name}")]


def _fetch_arguments(model: Deployed) -> list[str]:
    spec = model.child("deployment")["spec"]["template"]["spec"]
    return list(spec["initContainers"][0]["args"])


@pytest.fixture
def doubling(kubectl: Kubectl, installed: str, model_store: ModelStore) -> Deployed:
    """A model that was proved, and serves."""
    model = Deployed(kubectl, "doubling")
    model.apply(model={"uri": model_store.put("good.joblib", _times(2.0))}, preflight=PROVED).is_ready()
    model.answers([[5.0]], [10.0])
    return model


def test_proved_revision_serves_the_bytes_that_were_proved(doubling: Deployed) -> None:
    (entry,) = doubling.status["revisions"]
    assert (entry["verdict"], entry["revision"]) == ("Accepted", doubling.status["stable"]["revision"])
    assert f"--digest={entry['digest']}" in _fetch_arguments(doubling)
    assert doubling.condition("ModelAccepted")["status"] == "True"
    doubling.answers([[5.0]], [10.0])


def test_refused_revision_leaves_the_one_before_serving(
    doubling: Deployed, kubectl: Kubectl, model_store: ModelStore
) -> None:
    good = kubectl.get("mdep", doubling.name)["spec"]["model"]["uri"]
    served = doubling.status["stable"]["revision"]
    doubling.apply(model={"uri": model_store.put("bad.joblib", _times(3.0))}, preflight=PROVED)
    verdict = doubling.becomes("SmokeTestFailed")
    assert "12" in verdict["message"]
    assert [doubling.condition(kind)["status"] for kind in ("Stalled", "Available", "ModelAccepted")] == [
        "True",
        "True",
        "False",
    ]
    assert doubling.ask([[5.0]]) == {"predictions": [10.0]}
    assert [one["verdict"] for one in doubling.status["revisions"]] == ["Refused", "Accepted"]
    kubectl("delete", "deployment", doubling.name)
    doubling.answers([[5.0]], [10.0])
    doubling.apply(model={"uri": good}, preflight=PROVED).is_ready()
    assert doubling.status["stable"]["revision"] == served
    assert not _jobs(kubectl, doubling.name)


def test_replaced_object_never_reaches_a_pod_of_the_revision(
    doubling: Deployed, kubectl: Kubectl, model_store: ModelStore
) -> None:
    model_store.put("good.joblib", _times(5.0))
    kubectl("delete", "pods", "-l", f"modelway.dev/name={doubling.name},modelway.dev/track=stable")
    verdict = doubling.becomes("ArtifactReplaced")
    assert "good.joblib" in verdict["message"]
    model_store.put("good.joblib", _times(2.0))
    doubling.is_ready().answers([[5.0]], [10.0])


def test_digest_of_the_user_holds_in_the_job_and_in_pods(doubling: Deployed, model_store: ModelStore) -> None:
    digest, uri = doubling.status["revisions"][0]["digest"], model_store.put("good.joblib", _times(5.0))
    doubling.apply(model={"uri": uri, "digest": digest}, preflight=PROVED)
    assert f"spec.model.digest is {digest}" in doubling.becomes("DigestMismatch")["message"]
    assert doubling.ask([[5.0]]) == {"predictions": [10.0]}
    model_store.put("good.joblib", _times(2.0))
    doubling.is_ready()
    assert [one for one in _fetch_arguments(doubling) if one.startswith("--digest")] == [
        f"--digest={digest}",
        "--digest-field=spec.model.digest",
    ]


def test_worse_model_is_refused_by_its_evaluation(
    doubling: Deployed, kubectl: Kubectl, model_store: ModelStore
) -> None:
    rows = "".join(f"{index},{2 * index}\n" for index in range(200))
    (model_store.directory / "rows.csv").write_text(f"x,y\n{rows}")
    dataset = {"uri": model_store.uri("rows.csv")}
    metrics = [{"name": "neg_mean_absolute_error", "min": -0.5, "notWorseThanStableBy": 0.1}]
    evaluation = {"dataset": dataset, "target": "y", "metrics": metrics}
    uri = model_store.put("worse.joblib", _times(2.5))
    doubling.apply(model={"uri": uri}, preflight={"enabled": True, "evaluation": evaluation})
    doubling.becomes("EvaluationFailed")
    newest = doubling.status["revisions"][0]
    assert newest["verdict"] == "Refused"
    assert {one["outcome"] for one in newest["evaluation"]} == {"failed"}
    job = f"job/{doubling.name}-{newest['revision']}-preflight"
    assert "EvaluationFailed" in kubectl("logs", job, "-c", "prove")
    assert doubling.ask([[5.0]]) == {"predictions": [10.0]}


def test_waiting_for_its_job_is_told_as_for_pods(kubectl: Kubectl, installed: str, model_store: ModelStore) -> None:
    model = Deployed(kubectl, "nowhere")
    uri = model_store.put("nowhere.joblib", _times(2.0))
    model.apply(model={"uri": uri}, preflight=PROVED, scheduling={"nodeSelector": {"example.com/room": "none"}})
    model.becomes("Unschedulable")
    kubectl("delete", "mdep", model.name)
    eventually(lambda: not _jobs(kubectl, model.name))


def test_job_refused_by_a_quota_is_told_and_starts_once_lifted(
    kubectl: Kubectl, installed: str, model_store: ModelStore
) -> None:
    hard = {"hard": {"requests.memory": "1Mi"}}
    kubectl.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"}, "spec": hard})
    eventually(lambda: kubectl.get("resourcequota", "tight")["status"].get("hard"))
    model = Deployed(kubectl, "squeezed")
    model.apply(model={"uri": model_store.put("squeezed.joblib", _times(2.0))}, preflight=PROVED)
    assert "tight" in model.becomes("QuotaExceeded")["message"]
    kubectl("delete", "resourcequota", "tight")
    model.is_ready()


def test_job_whose_pod_may_not_be_created_tells_why(kubectl: Kubectl, installed: str, model_store: ModelStore) -> None:
    model = Deployed(kubectl, "unranked")
    uri = model_store.put("unranked.joblib", _times(2.0))
    model.apply(model={"uri": uri}, preflight=PROVED, scheduling={"priorityClassName": "none"})
    model.becomes("PriorityClassNotFound")
    model.apply(model={"uri": uri}, preflight=PROVED).is_ready()
