"""The CustomResourceDefinition on the shared sandbox, and requests to the API server as a person's tools make them."""

import asyncio
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelway.api.crd import CRD_NAME, custom_resource_definition
from sandbox import Sandbox
from sandbox.api import Api, ApiError, PatchKind
from support.cluster.helm import RELEASE
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

Object = dict[str, Any]


@pytest.fixture(scope="session")
def crd(cluster_kubectl: Kubectl) -> str:
    """The name of the definition, served; marked so that the chart, installed later, takes it over."""
    if not cluster_kubectl.exists("crd", CRD_NAME):
        definition = custom_resource_definition()
        definition["metadata"] |= {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {"meta.helm.sh/release-name": RELEASE, "meta.helm.sh/release-namespace": SYSTEM},
        }
        cluster_kubectl.apply(definition, "--field-manager=helm")
    eventually(lambda: cluster_kubectl("explain", "mdep.spec"))  # served, discovered and documented
    return CRD_NAME


@pytest.fixture(scope="session")
def requests(sandbox: Sandbox) -> Iterator["Requests"]:
    """Requests as administrator."""
    with asyncio.Runner() as runner:
        yield (requests := Requests(runner, sandbox))
        requests.close()


class Requests:
    """Single requests to the API server, without the third of a second that kubectl takes for each."""

    def __init__(self, runner: asyncio.Runner, sandbox: Sandbox) -> None:
        self._runner = runner
        self._api = runner.run(self._connect(sandbox.kubeconfig))

    @staticmethod
    async def _connect(kubeconfig: Path) -> Api:
        return Api.from_kubeconfig(kubeconfig)

    def close(self) -> None:
        """End the connections."""
        self._runner.run(self._api.close())

    def create(self, manifest: Mapping[str, Any], **parameters: str) -> Object:
        """Create an object; `ApiError` where it is refused."""
        return self._runner.run(self._api.post(_collection(manifest), manifest, **parameters))

    def apply(self, manifest: Mapping[str, Any], **parameters: str) -> Object:
        """Server-side apply as field manager `modelway`."""
        path = f"{_collection(manifest)}/{manifest['metadata']['name']}"
        request = self._api.patch(path, manifest, "apply", fieldManager="modelway", force="true", **parameters)
        return self._runner.run(request)

    def patch(
        self, manifest: Mapping[str, Any], body: object, kind: PatchKind, part: str = "", **parameters: str
    ) -> Object:
        """Patch the object of this identity, or `part` of it, such as its status; `ApiError` where it is refused."""
        path = f"{_collection(manifest)}/{manifest['metadata']['name']}{part and f'/{part}'}"
        return self._runner.run(self._api.patch(path, body, kind, **parameters))

    def refusal(self, manifest: Mapping[str, Any]) -> str:
        """Why the API server refuses to create an object; empty when it does not. Nothing is stored."""
        try:
            self.create(manifest, dryRun="All", fieldValidation="Strict")
        except ApiError as error:
            return str(error)
        return ""


PLURALS = {
    "ModelDeployment": "modeldeployments",
    "Deployment": "deployments",
    "Service": "services",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "ControllerRevision": "controllerrevisions",
    "HTTPRoute": "httproutes",
}


def changed_leaves(sent: Any, stored: Any, path: str = "") -> list[str]:
    """Where `stored` is not what was sent; what the API server adds to objects is no change."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        return [
            change for key in sent for change in changed_leaves(sent[key], stored.get(key, "(gone)"), f"{path}.{key}")
        ]
    if isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        pairs = enumerate(zip(sent, stored, strict=True))
        return [change for index, (a, b) in pairs for change in changed_leaves(a, b, f"{path}[{index}]")]
    return [] if sent == stored and type(sent) is type(stored) else [f"{path}: {sent!r} became {stored!r}"]


def _collection(manifest: Mapping[str, Any]) -> str:
    version = manifest["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return f"{root}/namespaces/{manifest['metadata']['namespace']}/{PLURALS[manifest['kind']]}"
