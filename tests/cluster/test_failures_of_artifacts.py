"""A model that cannot be served: each way has its reason, and a message that names the cause and what to do. All at once in one namespace."""

import hashlib
import os
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from sklearn.cluster import DBSCAN
from sklearn.dummy import DummyClassifier

from support.cluster.deployed import COLD, Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.files.hostile.assembly import pickled_name
from support.models import WINE, Absorbed, Broken, Crashing, Hungry, Stubborn, wine_forest
from support.stores.model_store import FORBIDDEN, ModelStore
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SECONDS = 180.0
WHOLE = pickle.dumps(wine_forest())
SMALL = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "450Mi"}}
SHORT = {"startupTimeoutSeconds": 15}


@dataclass(frozen=True)
class Case:
    """One artifact, and what is said of it."""

    artifact: Any
    """Bytes of the file, an estimator to save, or None for no file."""
    reason: str
    says: tuple[str, ...]
    limits: dict[str, int] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    """Fields of `spec.model` beside its URI."""


CASES = {
    "missing": Case(None, "ModelNotFound", ("missing.joblib", "spec.model.uri")),
    "forbidden": Case(None, "AccessDenied", ("403 Forbidden", "spec.model.storage.secretRef")),
    "other-digest": Case(
        WHOLE,
        "DigestMismatch",
        (f"Set spec.model.digest to sha256:{hashlib.sha256(WHOLE).hexdigest()}",),
        model={"digest": f"sha256:{'0' * 64}"},
    ),
    "too-large": Case(WHOLE, "ArtifactTooLarge", ("the cap is", "maxArtifactBytes"), {"maxArtifactBytes": 1024}),
    "truncated": Case(WHOLE[:-1000], "InvalidArtifact", ("truncated or damaged", "upload it again")),
    "no-model": Case(b"<!DOCTYPE html><html>Sign in</html>", "InvalidArtifact", ("HTML", "joblib.dump")),
    "old-version": Case(
        pickled_name("sklearn.ensemble.forest", "Forest"),
        "RuntimeVersionMismatch",
        ("sklearn.ensemble.forest", "version"),
    ),
    "wrong-kind": Case(DBSCAN().fit(WINE), "UnsupportedModel", ("DBSCAN cannot predict unseen rows",)),
    "no-module": Case(pickled_name("absent_package", "Model"), "MissingModule", ("absent_package", "image")),
    "unsafe": Case(pickled_name("builtins", "eval"), "UnsafeArtifact", ("builtins.eval", "spec.model.trustedTypes")),
    "raises": Case(Stubborn(ValueError("no licence")), "LoadFailed", ("no licence",)),
    "no-answer": Case(Broken(), "WarmupFailed", ("no prediction in me",)),
    "hangs": Case(Stubborn(600.0), "LoadTimeout", ("within 15 s", "startupTimeoutSeconds"), SHORT),
    "absorbed": Case(Absorbed(), "LoadTimeout", ("startupTimeoutSeconds",), SHORT),
    "crashes": Case(Crashing(), "LoadCrashed", ("loaded the model ended of SIGSEGV", "kubectl logs crashes-")),
    "hungry": Case(
        Hungry(),
        "OutOfMemory",
        ("Container prepare of pod hungry-", "limit of 450Mi", "spec.runtime.resources.limits.memory"),
    ),
}


@pytest.fixture(scope="module")
def crowd(cluster_kubectl: Kubectl, installed: str, model_store: ModelStore) -> Iterator[Kubectl]:
    """Every case as a ModelDeployment; kubectl in their namespace."""
    name = f"artifacts-{os.getpid()}"
    cluster_kubectl.create(namespace_manifest(name))
    kubectl = cluster_kubectl.in_namespace(name)
    eventually(lambda: kubectl.exists("serviceaccount", "default"))
    for title, case in CASES.items():
        _apply(Deployed(kubectl, title), case, _uri(model_store, title, case))
    yield kubectl
    cluster_kubectl.discard("namespace", name)


def _uri(store: ModelStore, title: str, case: Case) -> str:
    if isinstance(case.artifact, bytes):
        (store.directory / f"{title}.joblib").write_bytes(case.artifact)
        return store.uri(f"{title}.joblib")
    if case.artifact is None:
        return store.uri(f"{FORBIDDEN}/{title}.joblib" if title == "forbidden" else f"{title}.joblib")
    return store.put(f"{title}.joblib", case.artifact)


def _apply(deployed: Deployed, case: Case, uri: str) -> None:
    cold = {"scheduling": COLD} if case.reason == "OutOfMemory" else {}
    deployed.apply(model={"uri": uri, **case.model}, runtime={"resources": SMALL, "limits": case.limits}, **cold)


@pytest.mark.parametrize("title", CASES)
def test_the_message_names_the_cause_and_the_remedy(crowd: Kubectl, title: str) -> None:
    case, deployed = CASES[title], Deployed(crowd, title)
    condition = deployed.becomes(case.reason, deadline=SECONDS)
    assert [part for part in case.says if part not in condition["message"]] == [], condition["message"]
    assert condition["status"] == "False"
    conditions = {kind: deployed.condition(kind)["status"] for kind in ("Stalled", "ModelAccepted", "Available")}
    assert conditions == {"Stalled": "True", "ModelAccepted": "False", "Available": "False"}


def test_each_is_refused_before_a_serving_container_starts(crowd: Kubectl) -> None:
    for title, case in CASES.items():
        Deployed(crowd, title).becomes(case.reason, deadline=SECONDS)
    servers = [pod["status"]["containerStatuses"] for pod in crowd.list("pods")]
    assert len(servers) == len(CASES)
    assert [one for (one,) in servers if list(one["state"]) != ["waiting"] or one.get("lastState")] == []


def test_kubectl_get_alone_says_why_and_what_to_do(crowd: Kubectl) -> None:
    Deployed(crowd, "missing").becomes("ModelNotFound", deadline=SECONDS)
    row = crowd("get", "mdep", "missing", "--no-headers").split(None, 6)
    assert row[:3] == ["missing", "False", "ModelNotFound"]
    assert "missing.joblib" in row[6]
    assert "spec.model.uri" in row[6]


def test_the_right_model_serves_after_any_failure(crowd: Kubectl, model_store: ModelStore) -> None:
    deployed = Deployed(crowd, "crashes")
    deployed.becomes("LoadCrashed", deadline=SECONDS)
    uri = model_store.put("well.joblib", DummyClassifier().fit([[0.0]], [1]))
    _apply(deployed, CASES["crashes"], uri)
    deployed.is_ready(deadline=SECONDS)
