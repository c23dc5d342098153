"""Tools that wait for a model tell the truth about it: Helm 4's `--wait`, which judges by kstatus as Flux does, and `kubectl wait`."""

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from sklearn.dummy import DummyRegressor

from modelway.api.status import UNSEEN_STATUS
from sandbox import Sandbox
from support.cluster.crd import Requests
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.operator.specs import manifest
from support.stores.model_store import ModelStore

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 60
AT_ONCE = 30.0
"""Far below what the waits are given: who takes longer only gave up."""

Install = Callable[[str], None]


@pytest.fixture(scope="module")
def good(model_store: ModelStore) -> str:
    """The URI of a model that can be served."""
    return model_store.put("waited-for.joblib", DummyRegressor().fit([[0.0], [1.0]], [0.0, 1.0]))


@pytest.fixture
def upgrade(tmp_path: Path, sandbox: Sandbox, namespace: str) -> Install:
    """`helm upgrade --install --wait` of a chart that holds nothing but the ModelDeployment `fraud`."""
    helm = pytest.importorskip("helm_python", reason="Helm's library for Python is not built for this machine")
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("{apiVersion: v2, name: fraud, version: 1.0.0}")

    def to(uri: str) -> None:
        (tmp_path / "templates" / "model.yaml").write_text(yaml.safe_dump(manifest(model={"uri": uri})))
        with helm.Config(kubeconfig_path=sandbox.kubeconfig, namespace=namespace) as cluster:
            change = cluster.upgrade if cluster.list(all_states=True) else cluster.install
            change(tmp_path, "fraud", {}, namespace=namespace, wait="watcher", timeout=SECONDS)

    return to


def test_helm_waits_for_the_model_or_fails_with_its_reason(
    deployed: Deployed, upgrade: Install, good: str, model_store: ModelStore
) -> None:
    upgrade(good)
    assert deployed.condition()["status"] == "True"

    begin = time.monotonic()
    with pytest.raises(Exception, match=r"fraud not ready\. status: Failed, message: There is nothing at http"):
        upgrade(model_store.uri("never-stored.joblib"))
    assert time.monotonic() - begin < AT_ONCE


def test_a_model_nobody_looked_at_is_not_ready_for_kstatus(requests: Requests, namespace: str, crd: str) -> None:
    """Without any status kstatus would call it `Current`; here it finds an observed generation that is behind, and people a word."""
    fresh: Object = manifest(suspend=True)
    fresh["metadata"]["namespace"] = namespace
    assert requests.apply(fresh)["status"] == UNSEEN_STATUS


def test_kubectl_waits_for_the_present_spec(deployed: Deployed, kubectl: Kubectl, good: str) -> None:
    deployed.apply(model={"uri": good, "version": "one"}).is_ready()
    deployed.apply(model={"uri": good, "version": "two"})
    kubectl("wait", "--for=condition=Ready", "mdep/fraud", f"--timeout={SECONDS}s")
    assert deployed.status["stable"]["version"] == "two"


@pytest.fixture
def pipeline(kubectl: Kubectl, tmp_path: Path) -> Callable[[], "subprocess.CompletedProcess[str]"]:
    """The commands that the documentation gives for a pipeline, run as they stand there."""
    page = (ROOT / "docs" / "gitops.md").read_text()
    [script] = re.findall(r"```sh\n(kubectl apply -f model\.yaml\n.*?)```", page, re.DOTALL)
    program, *options = kubectl.command()

    def run() -> "subprocess.CompletedProcess[str]":
        shell = f'set -e\nkubectl() {{ {program} {" ".join(options)} "$@"; }}\n{script}'
        return subprocess.run(["bash", "-c", shell], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_the_documented_pipeline_ends_soon_either_way(
    deployed: Deployed,
    pipeline: Callable[[], "subprocess.CompletedProcess[str]"],
    tmp_path: Path,
    good: str,
    model_store: ModelStore,
) -> None:
    def deploy(uri: str) -> "subprocess.CompletedProcess[str]":
        (tmp_path / "model.yaml").write_text(yaml.safe_dump(manifest(model={"uri": uri})))
        return pipeline()

    served = deploy(good)
    assert (served.returncode, served.stderr) == (0, "")
    begin = time.monotonic()
    refused = deploy(model_store.uri("never-stored.joblib"))
    assert refused.returncode != 0
    assert "There is nothing at http" in refused.stdout + refused.stderr
    assert time.monotonic() - begin < AT_ONCE
