"""Failures that only a kernel and a container runtime can make, and what the status says of them."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures

from e2e.conftest import KUBECONFIG, READY_SECONDS, reaches, values
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

STORE = "http://models.model-store.svc:8080"
FAILURE_SECONDS = 180.0
COLUMNS = 60


def ends(kubectl: Kubectl, container: str) -> list[Object]:
    """How the containers of a name ended, as the kubelet tells it."""
    pods = [pod["status"] for pod in kubectl.list("pods")]
    entries = [one for pod in pods for kind in ("initC", "c") for one in pod.get(f"{kind}ontainerStatuses", ())]
    statuses = [one for one in entries if one["name"] == container]
    return [
        state["terminated"] for one in statuses for state in (one["state"], one["lastState"]) if "terminated" in state
    ]


def test_model_of_too_much_memory_is_refused_before_it_serves(models: Path, deployed: Deployed) -> None:
    deployed.apply(model=_breast_cancer(), runtime=_memory("96Mi"))
    condition = deployed.becomes("OutOfMemory", deadline=FAILURE_SECONDS)
    assert ends(deployed.kubectl, "prepare")
    assert not ends(deployed.kubectl, "serve")
    assert "96Mi" in condition["message"]


def test_the_kernel_ends_a_server_that_is_asked_too_much(models: Path, deployed: Deployed) -> None:
    rows = np.random.default_rng(0).normal(size=(2, COLUMNS))
    joblib.dump(make_pipeline(PolynomialFeatures(3), LinearRegression()).fit(rows, [0, 1]), models / "cubes.joblib")
    deployed.apply(model={"uri": f"{STORE}/cubes.joblib"}, runtime=_memory("512Mi")).is_ready(deadline=READY_SECONDS)
    url = deployed.status["url"]
    eventually(lambda: reaches(url), deadline=READY_SECONDS)
    with pytest.raises(OSError):
        _ask(url, np.zeros((3000, COLUMNS)))
    deployed.becomes("OutOfMemory", deadline=FAILURE_SECONDS)
    assert [end["reason"] for end in ends(deployed.kubectl, "serve")] == ["OOMKilled"]
    deployed.is_ready(deadline=READY_SECONDS)


@pytest.fixture
def without_image(installed: str) -> Iterator[None]:
    """The chart told of a server image that no registry has."""
    helm.install(KUBECONFIG, installed, values(server="missing"))
    yield
    helm.install(KUBECONFIG, installed, values())


def test_an_image_that_cannot_be_pulled_is_named(models: Path, without_image: None, deployed: Deployed) -> None:
    deployed.apply(model=_breast_cancer())
    condition = deployed.becomes("ImagePullFailed", deadline=FAILURE_SECONDS)
    assert "localhost/modelway/missing" in condition["message"]
    waiting = deployed.kubectl.list("pods")[0]["status"]["initContainerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] in {"ErrImagePull", "ImagePullBackOff"}


def _breast_cancer() -> Object:
    return {"uri": f"{STORE}/breast-cancer/v1/model.joblib"}


def _memory(limit: str) -> Object:
    return {"resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": limit}}}


def _ask(url: str, rows: "np.ndarray[tuple[int, int], np.dtype[np.float64]]") -> None:
    body = json.dumps({"instances": rows.tolist()}).encode()
    request = urllib.request.Request(f"{url}/v1/models/fraud:predict", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()
