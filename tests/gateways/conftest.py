"""What the tests of real Gateways start from; collected only inside, where `python -m gateways` runs them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from e2e.conftest import KUBECONFIG, cluster_kubectl, models, values
from gateways.envoy_gateway import envoy_gateway
from gateways.gateway import NAMESPACE, Gateway
from gateways.model import Model
from gateways.traefik import traefik
from sandbox.binaries import parts
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl, namespace_manifest
from support.waiting import eventually

__all__ = ["cluster_kubectl", "models"]

collect_ignore_glob = [] if KUBECONFIG.exists() else ["test_*.py"]

PROGRAMS: dict[str, Callable[[Kubectl], AbstractContextManager[Gateway]]] = {
    "traefik": traefik,
    "envoy": envoy_gateway,
}


@pytest.fixture(scope="session")
def installed(cluster_kubectl: Kubectl) -> str:
    """The namespace of the operator, on a cluster that serves the Gateway API and Envoy Gateway's kinds."""
    built = parts.locate("envoygateway")
    for path in (parts.GATEWAY_API, *parts.ENVOY_KINDS):
        cluster_kubectl.apply(_definitions(built / Path(path).name))
    eventually(lambda: cluster_kubectl("explain", "httproute.spec"))
    cluster_kubectl.apply([namespace_manifest(SYSTEM), namespace_manifest(NAMESPACE)])
    helm.install(KUBECONFIG, SYSTEM, values())
    return SYSTEM


def _definitions(template: Path) -> str:
    """What a template of Envoy Gateway's chart holds, whatever Helm's values say."""
    return "\n".join(line for line in template.read_text().splitlines() if not line.startswith("{{"))


@pytest.fixture(scope="session", params=PROGRAMS)
def gateway(request: pytest.FixtureRequest, cluster_kubectl: Kubectl, installed: str) -> Iterator[Gateway]:
    """A Gateway that takes requests, of one program after the other."""
    with PROGRAMS[request.param](cluster_kubectl) as started:
        yield started


@pytest.fixture
def model(deployed: Deployed, gateway: Gateway, models: Path) -> Model:
    """A model behind that Gateway, yet to be applied."""
    return Model(deployed, gateway, models)
