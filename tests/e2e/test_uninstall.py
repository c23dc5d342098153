"""Removing Modelway as docs/install.md says; the last test by its name, since it takes away what the others share."""

from functools import partial

import psutil

from e2e.conftest import KUBECONFIG, Example
from support.cluster import helm
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

DEFINITION = "modeldeployments.modelway.dev"
CLUSTER_WIDE = ("clusterroles", "clusterrolebindings", "customresourcedefinitions")
EVERYTHING = "deployments,replicasets,pods,services,horizontalpodautoscalers,poddisruptionbudgets,controllerrevisions,roles,rolebindings"

SECONDS = 60.0


def test_nothing_is_left(example: Example, installed: str, cluster_kubectl: Kubectl) -> None:
    before = _containers()
    cluster_kubectl("delete", "mdep", "--all", "--all-namespaces")
    helm.uninstall(KUBECONFIG, installed)
    cluster_kubectl("delete", "crd", DEFINITION)
    for place in (cluster_kubectl.in_namespace(installed), example.kubectl):
        eventually(partial(_is_empty, place), deadline=SECONDS)
    for kind in CLUSTER_WIDE:
        assert "modelway" not in cluster_kubectl("get", kind, "-o", "name")
    assert before
    eventually(lambda: not _containers(), deadline=SECONDS)


def _is_empty(place: Kubectl) -> bool:
    return place("get", EVERYTHING, "-o", "name") == ""


def _containers() -> list[str]:
    """The commands of the product's images that run in any container."""
    lines = [" ".join(one.info["cmdline"]) for one in psutil.process_iter(["cmdline"])]
    return [line for line in lines if "/opt/modelway/bin/modelway" in line]
