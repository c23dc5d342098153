"""The operator as a fixture: the chart, installed once a session by the real Helm on the shared sandbox."""

import pytest

from sandbox import Sandbox
from support import helm
from support.cluster import Kubectl, namespace_manifest

SYSTEM = "modelway-system"
VALUES = {"server": {"drainSeconds": 5}}


@pytest.fixture(scope="session")
def installed(sandbox: Sandbox, cluster_kubectl: Kubectl) -> str:
    """The namespace in which the operator runs, cluster-wide, under the chart's ServiceAccount `modelway`."""
    cluster_kubectl.apply(namespace_manifest(SYSTEM))
    helm.install(sandbox.kubeconfig, SYSTEM, VALUES)
    return SYSTEM
