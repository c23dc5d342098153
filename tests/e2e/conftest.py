"""What the tests of the real node start from; collected only inside, where `python -m e2e` runs them."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from e2e.images import image
from e2e.place import IMAGES, INSIDE, LAYOUT, ROOT
from sandbox import binaries
from support import helm
from support.cluster import Kubectl, Object, namespace_manifest
from support.installed import SYSTEM, VALUES

KUBECONFIG = LAYOUT.kubeconfig("admin")
EXAMPLE = ROOT / "examples" / "breast_cancer"
MODELS = INSIDE / "models"

collect_ignore_glob = [] if KUBECONFIG.exists() else ["test_*.py"]


def values(server: str = "server") -> Object:
    """The chart's values for the images built here; `server` is the name of the model servers' image."""
    return {
        "image": {"repository": f"{IMAGES}/operator"},
        "server": {**VALUES["server"], "image": {"repository": f"{IMAGES}/{server}"}},
    }


def manifest(version: str = "v1") -> Object:
    """The first example's ModelDeployment, as its README has it changed for another version."""
    text = (EXAMPLE / "modeldeployment.yaml").read_text()
    found: Object = yaml.safe_load(text.replace("/v1/", f"/{version}/").replace("version: v1", f"version: {version}"))
    return found


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


@pytest.fixture
def example(models: Path, installed: str, kubectl: Kubectl) -> str:
    """The first example at work in the test's namespace; the URL that its status names."""
    kubectl.apply(manifest())
    kubectl("wait", "mdep/breast-cancer", "--for=condition=Ready", "--timeout=120s")
    return kubectl("get", "mdep/breast-cancer", "-o", "jsonpath={.status.url}")
