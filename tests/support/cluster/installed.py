"""The operator as a fixture: the chart, installed once a session by the real Helm on the shared sandbox."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from sandbox import Sandbox
from support.cluster import helm
from support.cluster.gateway import HTTP_ROUTES
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.waiting import eventually

SYSTEM = "modelway-system"
VALUES: Mapping[str, Mapping[str, Any]] = {"server": {"drainSeconds": 5}, "preflight": {"enabled": False}}
"""A ModelDeployment that is to be proved says so itself, which spares the others a Job each."""


@pytest.fixture(scope="session")
def http_routes(cluster_kubectl: Kubectl) -> None:
    """The cluster serves HTTPRoutes, of the Gateway API."""
    cluster_kubectl("apply", "--server-side", "-f", str(HTTP_ROUTES))
    eventually(lambda: cluster_kubectl("explain", "httproute.spec"))


@pytest.fixture(scope="session")
def installed(sandbox: Sandbox, cluster_kubectl: Kubectl, http_routes: None) -> str:
    """The namespace in which the operator runs, cluster-wide, under the chart's ServiceAccount `modelway`. The cluster serves HTTPRoutes."""
    cluster_kubectl.apply(namespace_manifest(SYSTEM))
    helm.install(sandbox.kubeconfig, SYSTEM, VALUES)
    return SYSTEM


@pytest.fixture(scope="module")
def operator_away(installed: str, cluster_kubectl: Kubectl) -> Iterator[None]:
    """The operator is stopped, for a module whose tests are the operator themselves."""
    operator = cluster_kubectl.in_namespace(installed)
    operator("scale", "deployment/modelway", "--replicas=0")
    eventually(lambda: not operator.list("pods"))
    yield
    operator("scale", "deployment/modelway", "--replicas=1")
    operator("rollout", "status", "deployment/modelway", "--timeout=60s")
