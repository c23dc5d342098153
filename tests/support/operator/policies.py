"""What a platform may allow, each with a spec that keeps to it and one that does not; asked of the operator and of the API server alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from support.operator.specs import Object

STRICT: Object = {
    "images": ["registry.example.com/risk/*", "exact:1"],
    "priorityClasses": ["model-*", "system-node-critical"],
    "tolerations": ["dedicated", "node-role.kubernetes.io/infra", "example.com/*"],
    "hosts": ["models.example.com", "*.example.org:8443", "[::1]:9000"],
    "secrets": {"names": ["model-*"]},
    "serviceAccounts": ["store-*"],
    "runtimeClasses": ["gvisor"],
    "labels": ["team", "cost-*", "example.com/*", "*.example.org/part"],
    "annotations": ["*/*", "io.example.*"],
    "trustedTypes": ["churn.features.*"],
}
NOTHING: Object = {
    "images": [],
    "priorityClasses": [],
    "tolerations": [],
    "hosts": [],
    "secrets": {"names": []},
    "runtimeClasses": [],
    "labels": [],
    "annotations": [],
    "trustedTypes": [],
}


OBEYED = (
    "sidecar.istio.io/userVolume",
    "vault.hashicorp.com/agent-inject-secret-key",
    "iam.amazonaws.com/role",
    "eks.amazonaws.com/sts-regional-endpoints",
    "azure.workload.identity/inject-proxy-sidecar",
    "k8s.v1.cni.cncf.io/networks",
    "devices.nri.io/container.serve",
    "io.katacontainers.config.hypervisor.path",
    "seccomp-profile.kubernetes.cri-o.io",
    "io.kubernetes.cri-o.Devices",
)
"""Keys by which other controllers, container runtimes and network plug-ins give pods what their authors may not have."""


@dataclass(frozen=True)
class Case:
    """A policy, a spec, and the field that the policy refuses; empty where it refuses none."""

    policy: Mapping[str, Any]
    spec: Mapping[str, Any]
    field: str


def _uri(uri: str) -> Object:
    return {"model": {"uri": uri}}


def _image(image: str) -> Object:
    return {"runtime": {"image": image}}


def _secret(name: str) -> Object:
    return {"model": {"storage": {"secretRef": {"name": name}}}}


def _account(name: str) -> Object:
    return {"model": {"storage": {"serviceAccountName": name}}}


def _priority(name: str) -> Object:
    return {"scheduling": {"priorityClassName": name}}


def _toleration(**toleration: str) -> Object:
    return {"scheduling": {"tolerations": [{"key": "dedicated", "operator": "Exists"}, toleration]}}


def _runtime_class(name: str) -> Object:
    return {"scheduling": {"runtimeClassName": name}}


def _label(key: str) -> Object:
    return {"scheduling": {"labels": {key: "true"}}}


def _annotation(key: str) -> Object:
    return {"scheduling": {"annotations": {key: "true"}}}


def _dataset(uri: str) -> Object:
    metrics = [{"name": "accuracy", "min": 0.9}]
    return {"preflight": {"evaluation": {"dataset": {"uri": uri}, "target": "label", "metrics": metrics}}}


def _replay(uri: str) -> Object:
    return {"rollout": {"strategy": "Shadow", "replay": {"dataset": {"uri": uri}}}}


def _candidate(**candidate: Any) -> Object:
    """A model with a second candidate; the first one lies in a store that no policy is about."""
    first, second = {"name": "first", "uri": "s3://any/first"}, {"name": "second", "uri": "s3://any/second"}
    candidates = [first, {**second, **candidate}]
    return {"model": {"candidates": candidates}, **_dataset("s3://any/rows.csv")}


def _trusted_types(name: str) -> Object:
    return {"model": {"trustedTypes": [name]}}


_URI, _IMAGE, _SECRET = "spec.model.uri", "spec.runtime.image", "spec.model.storage.secretRef.name"
_CANDIDATES = "spec.model.candidates"
_DATASET = "spec.preflight.evaluation.dataset.uri"
_REPLAY = "spec.rollout.replay.dataset.uri"
_ACCOUNT = "spec.model.storage.serviceAccountName"
_CLASS, _LABELS = "spec.scheduling.runtimeClassName", "spec.scheduling.labels"
_ANNOTATIONS, _TRUSTED = "spec.scheduling.annotations", "spec.model.trustedTypes"
_PRIORITY, _TOLERATIONS = "spec.scheduling.priorityClassName", "spec.scheduling.tolerations"

CASES = (
    *(
        Case(STRICT, spec, field)
        for spec, field in (
            ({}, ""),
            (_image("registry.example.com/risk/server:7"), ""),
            (_image("exact:1"), ""),
            (_image("exact:12"), _IMAGE),
            (_image("registry.example.com/riskier:7"), _IMAGE),
            (_image("registryXexample.com/risk/server"), _IMAGE),
            (_uri("s3://any/model"), ""),
            (_uri("file:///models/model"), ""),
            (_uri("https://models.example.com/model"), ""),
            (_dataset("https://models.example.com/rows.csv"), ""),
            (_dataset("https://evil.example/rows.csv"), _DATASET),
            (_replay("https://models.example.com/rows.csv"), ""),
            (_replay("https://evil.example/rows.csv"), _REPLAY),
            (_candidate(uri="https://models.example.com/small"), ""),
            (_candidate(uri="https://models.example.com./small"), ""),
            (_candidate(uri="http://[::1]:9000/small"), ""),
            (_candidate(uri="https://evil.example/small"), _CANDIDATES),
            (_candidate(uri="http://[::1]/small"), _CANDIDATES),
            (_candidate(trustedTypes=["churn.features.Recency"]), ""),
            (_candidate(trustedTypes=["os.system"]), _CANDIDATES),
            (_uri("http://Models.Example.com:8080/model"), ""),
            (_uri("https://models.example.com./model"), ""),
            (_uri("https://a.b.example.org:8443/model?x=1"), ""),
            (_uri("https://a.example.org/model"), _URI),
            (_uri("https://example.org:8443/model"), _URI),
            (_uri("https://evil.example/models.example.com/model"), _URI),
            (_uri("https://models.example.com.evil.example/model"), _URI),
            (_uri("http://[::1]:9000/model"), ""),
            (_uri("http://[::1]/model"), _URI),
            (_uri("http://169.254.169.254/model"), _URI),
            (_secret("model-store"), ""),
            (_secret("database"), _SECRET),
            (_account("store-reader"), ""),
            (_account("default"), _ACCOUNT),
            (_account("admin"), _ACCOUNT),
            (_priority("model-high"), ""),
            (_priority("system-node-critical"), ""),
            (_priority("system-cluster-critical"), _PRIORITY),
            (_priority("other"), _PRIORITY),
            (_runtime_class("gvisor"), ""),
            (_runtime_class("gvisor-2"), _CLASS),
            (_label("team"), ""),
            (_label("cost-center"), ""),
            (_label("example.com/part.a"), ""),
            (_label("a.b.example.org/part"), ""),
            (_label("app"), _LABELS),
            (_label("cost-center.example/part"), _LABELS),
            (_label("an.example.com/part"), _LABELS),
            (_annotation("any.example/part"), ""),
            (_annotation("io.example.part"), ""),
            (_annotation("io.example.part.a"), _ANNOTATIONS),
            (_annotation("part"), _ANNOTATIONS),
            (_trusted_types("churn.features.Recency"), ""),
            (_trusted_types("churn.features.*"), ""),
            (_trusted_types("churn.*"), _TRUSTED),
            (_trusted_types("os.system"), _TRUSTED),
            (_toleration(key="example.com/gpu", operator="Exists"), ""),
            (_toleration(key="node-role.kubernetes.io/infra", operator="Exists"), ""),
            (_toleration(key="node-role.kubernetes.io/control-plane", operator="Exists"), _TOLERATIONS),
            (_toleration(key="other", value="x"), _TOLERATIONS),
            (_toleration(operator="Exists"), _TOLERATIONS),
        )
    ),
    *(
        Case({}, spec, field)
        for spec, field in (
            (_image("anything"), ""),
            (_uri("https://any.example/model"), ""),
            (_secret("any"), ""),
            (_account("any"), _ACCOUNT),
            (_priority("any"), ""),
            (_priority("system-node-critical"), _PRIORITY),
            (_runtime_class("any"), ""),
            (_trusted_types("os.system"), ""),
            (_label("any"), ""),
            (_label("azure.workload.identity/use"), _LABELS),
            (_annotation("any_one"), ""),
            (_annotation("prometheus.io/scrape"), ""),
            (_annotation("cluster-autoscaler.kubernetes.io/safe-to-evict"), ""),
            *((_annotation(key), _ANNOTATIONS) for key in OBEYED),
            (_toleration(key="any", operator="Exists"), ""),
            (_toleration(key="node-role.kubernetes.io/control-plane", operator="Exists"), _TOLERATIONS),
            (_toleration(operator="Exists"), _TOLERATIONS),
        )
    ),
    Case({"serviceAccounts": ["*"]}, _account("any"), ""),
    Case({"serviceAccounts": ["*"]}, _account("default"), _ACCOUNT),
    Case({"tolerateEverything": True}, _toleration(operator="Exists"), ""),
    *(
        Case(NOTHING, spec, field)
        for spec, field in (
            ({}, ""),
            (_image("any"), _IMAGE),
            (_uri("https://any.example/model"), _URI),
            (_secret("any"), _SECRET),
            (_priority("any"), _PRIORITY),
            (_runtime_class("any"), _CLASS),
            (_label("any"), _LABELS),
            (_annotation("any"), _ANNOTATIONS),
            (_trusted_types("os.system"), _TRUSTED),
            (_candidate(uri="https://any.example/small"), _CANDIDATES),
            (_candidate(trustedTypes=["os.system"]), _CANDIDATES),
            ({"scheduling": {"tolerations": [{"key": "any", "operator": "Exists"}]}}, _TOLERATIONS),
        )
    ),
)
