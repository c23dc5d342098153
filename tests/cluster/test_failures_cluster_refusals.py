"""What the cluster refuses has its reason within seconds, and within seconds of the cure it is made.

Every case has a namespace of its own, and all of them happen at the same time, since most of the time is spent waiting. The models ask for a
node that does not exist: pods that are admitted show as `Unschedulable`.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.cluster.webhook import denial, json_patch, webhook
from support.waiting import busyness, eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

SETTLE_SECONDS = 10.0
BUSY_SECONDS = 20.0
"""What a machine that runs other programs besides may take longer."""

Cause = Callable[[Kubectl, str, Path], Any]
"""A context manager: inside it the cluster refuses."""


@dataclass
class Case:
    """One way to be refused, and what became of it."""

    reason: str
    says: str
    cause: Cause
    spec: dict[str, Any] = field(default_factory=dict)
    refusal: dict[str, Any] = field(default_factory=dict)
    """The condition Ready while it was refused, with how many seconds it took."""
    cured: dict[str, Any] = field(default_factory=dict)
    """The same after the cure."""


def _object(kind: str, api_version: str = "v1", **content: Any) -> Cause:
    """An object that makes the cluster refuse as long as it exists."""

    @contextmanager
    def cause(kubectl: Kubectl, namespace: str, _: Path) -> Iterator[None]:
        kubectl.create({"apiVersion": api_version, "kind": kind, "metadata": {"name": f"{namespace}-tight"}, **content})
        yield
        kubectl("delete", kind, f"{namespace}-tight")

    return cause


def _quota(**hard: str) -> Cause:
    return _object("ResourceQuota", spec={"hard": {name.replace("_", "."): amount for name, amount in hard.items()}})


def _limits(**limit: Any) -> Cause:
    return _object("LimitRange", spec={"limits": [{"type": "Container", **limit}]})


def _policy(expression: str, resource: str, group: str = "") -> Cause:
    """A ValidatingAdmissionPolicy for one resource of the namespace."""

    @contextmanager
    def cause(kubectl: Kubectl, namespace: str, _: Path) -> Iterator[None]:
        rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}
        api, name = "admissionregistration.k8s.io/v1", f"{namespace}-{resource}"
        here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
        kubectl.create(
            [
                {
                    "apiVersion": api,
                    "kind": "ValidatingAdmissionPolicy",
                    "metadata": {"name": name},
                    "spec": {
                        "failurePolicy": "Fail",
                        "matchConstraints": {"resourceRules": [rule]},
                        "validations": [{"expression": expression, "message": "house rule 7"}],
                    },
                },
                {
                    "apiVersion": api,
                    "kind": "ValidatingAdmissionPolicyBinding",
                    "metadata": {"name": name},
                    "spec": {"policyName": name, "validationActions": ["Deny"], "matchResources": here},
                },
            ]
        )
        eventually(lambda: _is_refused(kubectl, resource), deadline=BUSY_SECONDS)
        yield
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", name)

    return cause


def _is_refused(kubectl: Kubectl, resource: str) -> bool:
    """Whether the API server has learned of the policy: a thing of that kind is refused for it."""
    probes: dict[str, dict[str, Any]] = {
        "pods": {"kind": "Pod", "spec": RESTRICTED_POD},
        "services": {"kind": "Service", "spec": {"ports": [{"port": 1}]}},
        "serviceaccounts": {"kind": "ServiceAccount"},
    }
    try:
        kubectl.create({"apiVersion": "v1", "metadata": {"name": "probe"}, **probes[resource]}, "--dry-run=server")
    except AssertionError as error:
        return "house rule 7" in str(error)
    return False


RESTRICTED_POD = {
    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
    "containers": [
        {
            "name": "c",
            "image": "i",
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        }
    ],
}


@contextmanager
def _no_service_account(kubectl: Kubectl, namespace: str, directory: Path) -> Iterator[None]:
    """The account `default` is gone, and a policy keeps Kubernetes from making it anew."""
    with _policy("false", "serviceaccounts")(kubectl, namespace, directory):
        kubectl("delete", "serviceaccount", "default")
        yield
    eventually(lambda: _has_service_account(kubectl), deadline=BUSY_SECONDS)


def _has_service_account(kubectl: Kubectl) -> bool:
    """Make the namespace's ServiceAccount, unless its controller was quicker."""
    try:
        kubectl("create", "serviceaccount", "default")
    except AssertionError as error:
        if "already exists" not in str(error):
            raise
    return True


def _absent(kind: str, api_version: str, name: str, **content: Any) -> Cause:
    """An object without which the cluster refuses; the cure is to make it."""

    @contextmanager
    def cause(kubectl: Kubectl, *_: Any) -> Iterator[None]:
        yield
        kubectl.create({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **content})

    return cause


def _answer_to(answer: Any, resource: str, group: str = "", *, away: bool = False) -> Cause:
    @contextmanager
    def cause(kubectl: Kubectl, namespace: str, directory: Path) -> Iterator[None]:
        with webhook(kubectl, namespace, answer, resource=resource, group=group, directory=directory) as server:
            if away:
                server.shutdown()
                server.server_close()
            yield

    return cause


HOST_NETWORK = json_patch({"op": "add", "path": "/spec/hostNetwork", "value": True})
PLACED = {"scheduling": NOWHERE}
PROVED = {"preflight": {"enabled": True}}
SMALL = {"runtime": {"resources": {"requests": {"cpu": "250m"}, "limits": {"cpu": "1"}}}}

CASES = {
    "quota of pods": Case("QuotaExceeded", "limited: pods=0", _quota(pods="0")),
    "quota of cpu": Case("QuotaExceeded", "limited: requests.cpu=100m", _quota(requests_cpu="100m")),
    "quota of memory": Case("QuotaExceeded", "limited: limits.memory=64Mi", _quota(limits_memory="64Mi")),
    "quota that demands limits": Case("ResourcesMissing", "limits.cpu", _quota(limits_cpu="8")),
    "quota of services": Case("QuotaExceeded", "no room for Service fraud", _quota(services="0")),
    "limit range, largest": Case("LimitRangeViolated", "maximum memory usage per Container is 64Mi", _limits(max={"memory": "64Mi"})),
    "limit range, smallest": Case("LimitRangeViolated", "minimum memory usage per Container is 8Gi", _limits(min={"memory": "8Gi"})),
    "limit range, ratio": Case("LimitRangeViolated", "ratio per Container is 1", _limits(maxLimitRequestRatio={"cpu": "1"}), SMALL),
    "limit range, for a Job": Case("LimitRangeViolated", "maximum memory usage per Container is 64Mi", _limits(max={"memory": "64Mi"}), PROVED),
    "pod security": Case("PodSecurityViolated", "hostNetwork=true", _answer_to(HOST_NETWORK, "pods")),
    "pod security, for a Job": Case("PodSecurityViolated", "hostNetwork=true", _answer_to(HOST_NETWORK, "pods"), PROVED),
    "service account": Case("ServiceAccountNotFound", "kubectl create serviceaccount default", _no_service_account),
    "service account, for a Job": Case("ServiceAccountNotFound", "kubectl create serviceaccount default", _no_service_account, PROVED),
    "priority class": Case("PriorityClassNotFound", "spec.scheduling.priorityClassName is gold", _absent("PriorityClass", "scheduling.k8s.io/v1", "gold", value=7), {"scheduling": {**NOWHERE, "priorityClassName": "gold"}}),
    "runtime class": Case("RuntimeClassNotFound", "spec.scheduling.runtimeClassName is gvisor", _absent("RuntimeClass", "node.k8s.io/v1", "gvisor", handler="x"), {"scheduling": {**NOWHERE, "runtimeClassName": "gvisor"}}),
    "policy on pods": Case("PolicyViolated", "house rule 7", _policy("false", "pods")),
    "policy on a child": Case("PolicyViolated", "refuses Service fraud: house rule 7", _policy("false", "services")),
    "webhook says no": Case("PolicyViolated", "not on Fridays", _answer_to(denial("not on Fridays"), "pods")),
    "webhook is away": Case("WebhookFailed", "pods.webhook.example.com", _answer_to(denial(""), "pods", away=True)),
    "webhook of a child is away": Case("WebhookFailed", "about Deployment fraud", _answer_to(denial(""), "deployments", "apps", away=True)),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _live(installed: str, cluster_kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """All cases, from cause to cure."""
    namespaces = {f"refused-{number}": case for number, case in enumerate(CASES.values())}
    try:
        with ExitStack() as causes:
            _prepare(cluster_kubectl, list(namespaces))
            for name, case in namespaces.items():
                directory = tmp_path_factory.mktemp(name)
                causes.enter_context(case.cause(cluster_kubectl.in_namespace(name), name, directory))
            for name, case in namespaces.items():
                Deployed(cluster_kubectl.in_namespace(name), "fraud").apply(**{**PLACED, **case.spec})
            _follow(cluster_kubectl, namespaces, lambda case: case.refusal, lambda case: case.reason)
        _follow(cluster_kubectl, namespaces, lambda case: case.cured, lambda _: "Unschedulable")
        yield
    finally:
        cluster_kubectl("delete", "namespace", *namespaces, "--wait=false")
        cluster_kubectl("delete", "priorityclass/gold", "runtimeclass/gvisor", "--ignore-not-found")


def _prepare(kubectl: Kubectl, namespaces: list[str]) -> None:
    kubectl.create([namespace_manifest(name) for name in namespaces])

    def usable() -> bool:
        lines = kubectl("get", "serviceaccounts,configmaps", "-A", "-o", "name", "--field-selector=metadata.name!=x")
        return lines.count("serviceaccount/default") + lines.count("kube-root-ca") >= 2 * len(namespaces)

    eventually(usable)


def _follow(
    kubectl: Kubectl,
    cases: dict[str, Case],
    record: Callable[[Case], dict[str, Any]],
    awaited: Callable[[Case], str],
) -> None:
    """Note when each model reached the reason that is awaited, in seconds of a machine at rest; those that never do are left as they were last seen."""
    begin = time.monotonic()
    pending = dict(cases)
    while pending and time.monotonic() - begin < SETTLE_SECONDS + BUSY_SECONDS:
        for one in json.loads(kubectl("get", "modeldeployments", "-A", "-o", "json"))["items"]:
            case = pending.get(one["metadata"]["namespace"])
            conditions = (one.get("status") or {}).get("conditions") or ()
            ready = next((c for c in conditions if c["type"] == "Ready"), None)
            if case is not None and ready is not None:
                record(case).update(ready, seconds=(time.monotonic() - begin) / busyness(), conditions=conditions)
                if ready["reason"] == awaited(case):
                    del pending[one["metadata"]["namespace"]]
        time.sleep(0.2)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_refusal_is_told_with_its_cause(case: Case) -> None:
    assert case.refusal["reason"] == case.reason, case.refusal
    assert case.says in case.refusal["message"]
    assert case.refusal["status"] == "False"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_pods_are_made_soon_after_the_cure(case: Case) -> None:
    assert case.cured["reason"] == "Unschedulable", case.cured


def test_most_of_them_settle_within_ten_seconds() -> None:
    """All do on a machine that does nothing else; here they compete with each other, and with whatever runs besides."""
    for moment in ("refusal", "cured"):
        seconds = sorted(getattr(case, moment)["seconds"] for case in CASES.values())
        assert seconds[len(seconds) // 2] <= SETTLE_SECONDS, seconds
