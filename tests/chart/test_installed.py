"""What the real Helm makes of the chart on a real API server, and what the operator may do there."""

import re
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sandbox import Sandbox
from support.cluster import helm
from support.cluster.deployed import NOWHERE, Deployed
from support.cluster.installed import VALUES
from support.cluster.sandbox import Kubectl, KubectlError
from support.waiting import eventually

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
def test_installed_operator_has_the_right(installed: str, cluster_kubectl: Kubectl, verb: str, resource: str) -> None:
    assert may(cluster_kubectl, f"{installed}:modelway", verb, resource)


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        ("get", "secrets"),
        ("list", "secrets"),
        ("delete", "pods"),
        ("create", "pods/exec"),
        ("patch", "modeldeployments.modelway.dev"),
        ("delete", "modeldeployments.modelway.dev"),
        ("create", "serviceaccounts/token"),
        ("create", "clusterroles.rbac.authorization.k8s.io"),
        ("update", "deployments.apps"),
    ],
)
def test_installed_operator_lacks_the_right(installed: str, cluster_kubectl: Kubectl, verb: str, resource: str) -> None:
    assert not may(cluster_kubectl, f"{installed}:modelway", verb, resource)


def test_models_outlive_the_operator_and_are_taken_over(
    installed: str, sandbox: Sandbox, cluster_kubectl: Kubectl, kubectl: Kubectl
) -> None:
    model = Deployed(kubectl, "kept").apply(scheduling=NOWHERE)
    model.becomes("Unschedulable")
    uid = model.child("deployment")["metadata"]["uid"]
    helm.uninstall(sandbox.kubeconfig, installed)
    assert not cluster_kubectl.in_namespace(installed).exists("deployment", "modelway")
    try:
        model.apply(scheduling=NOWHERE, scaling={"replicas": 2})
        with pytest.raises(helm.HelmError, match="belongs to release modelway in namespace") as refusal:
            helm.install(sandbox.kubeconfig, installed, VALUES, release="other")
        _hand_over(cluster_kubectl, str(refusal.value))
        helm.install(sandbox.kubeconfig, installed, VALUES, release="other")
        eventually(lambda: model.child("deployment")["spec"]["replicas"] == 2)
        assert model.child("deployment")["metadata"]["uid"] == uid
        helm.uninstall(sandbox.kubeconfig, installed, release="other")
    finally:
        with suppress(helm.HelmError):
            helm.uninstall(sandbox.kubeconfig, installed, release="other")
        definition = ("crd", "modeldeployments.modelway.dev")
        cluster_kubectl("annotate", "--overwrite", *definition, "meta.helm.sh/release-name=modelway")
        helm.install(sandbox.kubeconfig, installed, VALUES)
    assert cluster_kubectl.in_namespace(installed).get("deployment", "modelway")["status"]["readyReplicas"] == 1


def _hand_over(kubectl: Kubectl, message: str) -> None:
    """Do what the refusal says."""
    for command in re.findall(r"kubectl ((?:annotate|label) [^;\n]+)", message):
        kubectl(*command.split())


def test_a_second_operator_for_every_namespace_is_refused(installed: str, sandbox: Sandbox, namespace: str) -> None:
    with pytest.raises(helm.HelmError, match=f"release modelway in namespace {installed} serves every namespace"):
        helm.install(sandbox.kubeconfig, namespace, {"crds": {"install": False}}, release="second")


def test_releases_of_one_name_serve_a_namespace_each(
    installed: str, sandbox: Sandbox, cluster_kubectl: Kubectl, namespace: str
) -> None:
    values = {"watch": {"namespaces": [namespace]}, "crds": {"install": False}}
    helm.install(sandbox.kubeconfig, namespace, values)
    try:
        roles = cluster_kubectl("get", "clusterroles", "-o", "name").split()
        assert {f"clusterrole.rbac.authorization.k8s.io/modelway:{one}:view" for one in (installed, namespace)} < {
            *roles
        }
    finally:
        helm.uninstall(sandbox.kubeconfig, namespace)
    assert f"clusterrole.rbac.authorization.k8s.io/modelway:{installed}:view" in cluster_kubectl(
        "get", "clusterroles", "-o", "name"
    )


def test_a_release_installed_again_leads_again(
    installed: str, sandbox: Sandbox, cluster_kubectl: Kubectl, namespace: str
) -> None:
    values = {"watch": {"namespaces": [namespace]}, "crds": {"install": False}, "rbac": {"aggregate": False}}
    operators = cluster_kubectl.in_namespace(namespace)

    def leads() -> bool:
        running = {
            pod["metadata"]["name"] for pod in operators.list("pods") if "deletionTimestamp" not in pod["metadata"]
        }
        return operators.get("lease", "again-modelway")["spec"].get("holderIdentity") in running

    for _ in range(2):
        helm.install(sandbox.kubeconfig, namespace, values, release="again")
        try:
            eventually(leads, deadline=20)
        finally:
            helm.uninstall(sandbox.kubeconfig, namespace, release="again")


def test_of_two_operators_one_leads_and_the_other_takes_over(
    installed: str, sandbox: Sandbox, cluster_kubectl: Kubectl
) -> None:
    operators = cluster_kubectl.in_namespace(installed)

    def holder() -> str:
        return str(operators.get("lease", "modelway")["spec"].get("holderIdentity", ""))

    helm.install(sandbox.kubeconfig, installed, {**VALUES, "replicas": 2})
    try:
        assert operators.get("deployment", "modelway")["status"]["readyReplicas"] == 2, "who stands by is ready as well"
        pods = {pod["metadata"]["name"] for pod in operators.list("pods")}
        first = eventually(lambda: holder() in pods and holder(), deadline=20)
        operators("delete", "pod", str(first), "--wait=false")
        eventually(lambda: holder() in pods - {first}, deadline=10)
    finally:
        helm.install(sandbox.kubeconfig, installed, VALUES)
    assert operators.get("deployment", "modelway")["spec"]["strategy"] == {"type": "Recreate"}


@pytest.fixture
def scoped(installed: str, sandbox: Sandbox, namespace: str) -> Iterator[str]:
    """A second operator that serves its own namespace alone."""
    values = {"watch": {"namespaces": [namespace]}, "crds": {"install": False}, "rbac": {"aggregate": False}}
    helm.install(sandbox.kubeconfig, namespace, values, release="scoped")
    yield namespace
    helm.uninstall(sandbox.kubeconfig, namespace, release="scoped")


def test_scoped_operator_runs_without_rights_elsewhere(scoped: str, cluster_kubectl: Kubectl) -> None:
    account = f"{scoped}:scoped-modelway"
    assert may(cluster_kubectl, account, "create", "deployments.apps", namespace=scoped)
    assert not may(cluster_kubectl, account, "list", "modeldeployments.modelway.dev")
