"""What the real Helm makes of the chart on a real API server, and what the operator may do there."""

from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from support import helm
from support.cluster import Kubectl, KubectlError
from support.installed import VALUES

pytestmark = pytest.mark.cluster


def may(kubectl: Kubectl, account: str, verb: str, resource: str, *, namespace: str = "default") -> bool:
    kind, _, part = resource.partition("/")
    question = ["auth", "can-i", verb, kind, f"--subresource={part}", "-n", namespace]
    try:
        return kubectl(*question, "--as", f"system:serviceaccount:{account}").strip() == "yes"
    except KubectlError:  # kubectl ends with 1 on a "no"
        return False


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("watch", "modeldeployments.modelway.dev"),
        ("patch", "modeldeployments.modelway.dev/status"),
        ("update", "modeldeployments.modelway.dev/finalizers"),
        ("create", "deployments.apps"),
        ("delete", "horizontalpodautoscalers.autoscaling"),
        ("create", "events.events.k8s.io"),
    ],
)
def test_the_operator_may(installed: str, cluster_kubectl: Kubectl, verb: str, resource: str) -> None:
    assert may(cluster_kubectl, f"{installed}:modelway", verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("get", "configmaps"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("patch", "modeldeployments.modelway.dev"),
        ("delete", "modeldeployments.modelway.dev"),
        ("create", "serviceaccounts/token"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
        ("update", "deployments.apps"),
    ],
)
def test_the_operator_may_not(installed: str, cluster_kubectl: Kubectl, verb: str, resource: str) -> None:
    assert not may(cluster_kubectl, f"{installed}:modelway", verb, resource)


def test_uninstalling_keeps_the_definition_and_installing_again_takes_it_over(
    installed: str, sandbox: Sandbox, cluster_kubectl: Kubectl
) -> None:
    helm.uninstall(sandbox.kubeconfig, installed)
    assert not cluster_kubectl.in_namespace(installed).exists("deployment", "modelway")
    assert cluster_kubectl.exists("crd", "modeldeployments.modelway.dev")
    helm.install(sandbox.kubeconfig, installed, VALUES)
    assert cluster_kubectl.in_namespace(installed).get("deployment", "modelway")["status"]["readyReplicas"] == 1


@pytest.fixture
def scoped(installed: str, sandbox: Sandbox, namespace: str) -> Iterator[str]:
    """A second operator that serves its own namespace alone."""
    values = {"watch": {"namespaces": [namespace]}, "crds": {"install": False}, "rbac": {"aggregate": False}}
    helm.install(sandbox.kubeconfig, namespace, values, release="scoped")
    yield namespace
    helm.uninstall(sandbox.kubeconfig, namespace, release="scoped")


def test_in_namespaced_mode_the_operator_runs_without_any_right_elsewhere(
    scoped: str, cluster_kubectl: Kubectl
) -> None:
    account = f"{scoped}:scoped-modelway"
    assert may(cluster_kubectl, account, "create", "deployments.apps", namespace=scoped)
    assert not may(cluster_kubectl, account, "list", "modeldeployments.modelway.dev")
