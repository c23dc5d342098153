"""What the tests of the real node start from; collected only inside, where `python -m e2e` runs them."""

import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from e2e.images import image
from e2e.place import IMAGES, INSIDE, LAYOUT, ROOT
from sandbox import binaries
from support.cluster import helm
from support.cluster.deployed import Deployed
from support.cluster.installed import SYSTEM, VALUES
from support.cluster.sandbox import Kubectl, Object, namespace_manifest
from support.waiting import eventually

KUBECONFIG = LAYOUT.kubeconfig("admin")
EXAMPLE = ROOT / "examples" / "breast_cancer"
MODELS = INSIDE / "models"
READY_SECONDS = 300.0
"""Seconds on a busy machine; 5 to 10 where nothing else runs."""

collect_ignore_glob = [] if KUBECONFIG.exists() else ["test_*.py"]


def values(server: str = "server") -> Object:
    """The chart's values for the images built here; `server` is the name of the model servers' image."""
    return {
        "image": {"repository": f"{IMAGES}/operator"},
        "server": {**VALUES["server"], "image": {"repository": f"{IMAGES}/{server}"}},
        "preflight": VALUES["preflight"],
    }


@pytest.fixture(scope="session")
def cluster_kubectl() -> Kubectl:
    """Kubectl as administrator of the real node, in no particular namespace."""
    return Kubectl(binaries.locate().kubectl, KUBECONFIG)


@pytest.fixture(scope="session")
def installed(cluster_kubectl: Kubectl) -> str:
    """The namespace of the operator, which runs from the image built here, installed by Helm."""
    cluster_kubectl.apply(namespace_manifest(SYSTEM))
    helm.install(KUBECONFIG, SYSTEM, values())
    return SYSTEM


@pytest.fixture(scope="session")
def models(cluster_kubectl: Kubectl) -> Path:
    """The folder that the example's model store serves in the cluster, with the models of the first example."""
    subprocess.run([sys.executable, str(EXAMPLE / "train.py"), str(MODELS)], check=True)
    store = (ROOT / "examples" / "model-store" / "store.yaml").read_text()
    store = store.replace("MODELS_FOLDER", str(MODELS)).replace("sandbox/python", image("server"))
    cluster_kubectl.apply(store)
    cluster_kubectl("rollout", "status", "deployment/models", "-n", "model-store", "--timeout=60s")
    return MODELS


@dataclass
class Example:
    """The first example at work.

    Attributes:
        namespace: where it is; pods there must meet Pod Security `restricted`.
        url: where its status says that it answers.
    """

    kubectl: Kubectl
    namespace: str
    url: str
    version: str = "v1"

    @property
    def infer(self) -> str:
        """Where predictions are asked for by the protocol V2."""
        return f"{self.url}/v2/models/breast-cancer/infer"

    def roll(self) -> tuple[str, str]:
        """Apply its other version; the version before and the one to come."""
        before, self.version = self.version, {"v1": "v2", "v2": "v1"}[self.version]
        self.kubectl.apply(manifest(self.version))
        return before, self.version

    def is_ready(self) -> None:
        """Wait until the version that was applied serves, and the other's pods have ended."""
        Deployed(self.kubectl, "breast-cancer").is_ready(deadline=READY_SECONDS)
        eventually(lambda: len(self.kubectl.list("pods")) == 1, deadline=READY_SECONDS)


def manifest(version: str) -> Object:
    """The first example's ModelDeployment, changed for another version as its README says."""
    text = (EXAMPLE / "modeldeployment.yaml").read_text()
    document: Object = yaml.safe_load(
        text.replace("/v1/", f"/{version}/").replace("version: v1", f"version: {version}")
    )
    return document


@pytest.fixture(scope="session")
def example(models: Path, installed: str, cluster_kubectl: Kubectl) -> Example:
    """The first example, shared by all tests."""
    name = "clinic"
    cluster_kubectl.apply(namespace_manifest(name))
    kubectl = cluster_kubectl.in_namespace(name)
    kubectl.apply(manifest("v1"))
    status = Deployed(kubectl, "breast-cancer").is_ready(deadline=READY_SECONDS).status
    eventually(lambda: reaches(status["url"]), deadline=READY_SECONDS)
    return Example(kubectl, name, status["url"])


def reaches(url: str) -> bool:
    """Whether a model answers: kube-proxy learns of a new Service's first pod a moment after that is ready."""
    try:
        with urllib.request.urlopen(f"{url}/v2/health/ready", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
