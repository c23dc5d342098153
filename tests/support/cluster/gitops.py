"""A sandbox that is run from git: Argo CD, the Applications of `examples/argocd`, and every example whose library is at hand, with its model trained."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from sandbox import Sandbox
from support.cluster import git_repository
from support.cluster.application import Application
from support.cluster.argocd import ArgoCD
from support.cluster.audit import Audit
from support.cluster.deployed import OPERATOR
from support.cluster.git_repository import Repository
from support.cluster.sandbox import Kubectl
from support.pages.examples import EXAMPLES, trainable
from support.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
APPLICATIONS = ("modelway", "model-store", "models")
MODELS = "models"
"""The namespace of the models, and the name of their Application."""
CONVERGED_SECONDS = 300.0


@dataclass(frozen=True)
class GitOps:
    """Everything that runs, and the repository it runs from."""

    sandbox: Sandbox
    argo: ArgoCD
    repository: Repository
    kubectl: Kubectl
    """In the namespace of the models."""
    trained: Path
    """The folder behind the model store."""

    def application(self, name: str = MODELS) -> Application:
        """One of the Applications of `examples/argocd`."""
        return Application(self.argo.kubectl, name)

    def change(self, **manifests: object) -> None:
        """Commit ModelDeployments by the name of their folder in examples/, None to remove one, and let Argo CD know."""
        for folder, manifest in manifests.items():
            self.repository.write(f"examples/{folder}/modeldeployment.yaml", manifest)
        self.repository.commit()
        self.application().refresh()

    def audit(self) -> Audit:
        """What the operator writes from here on."""
        return Audit(self.sandbox.audit_log, OPERATOR)


@pytest.fixture(scope="module")
def gitops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitOps]:
    """Applied as the documentation says, and converged."""
    if reason := git_repository.missing():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("gitops")
    training = _training(folder / "models")
    with Sandbox.start(folder / "sandbox", metrics=False, warm=True) as sandbox:
        kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
        with ArgoCD(sandbox, kubectl) as argo:
            repository = _repository(folder / "git", folder / "models")
            for process in training:
                assert process.wait() == 0
            gitops = GitOps(sandbox, argo, repository, kubectl.in_namespace(MODELS), folder / "models")
            _apply(gitops)
            eventually(
                lambda: all(gitops.application(name).verdict() == ("Synced", "Healthy") for name in APPLICATIONS),
                deadline=CONVERGED_SECONDS,
                describe=lambda: [gitops.application(name).status for name in APPLICATIONS],
            )
            yield gitops


def _training(target: Path) -> list[subprocess.Popen[bytes]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    scripts = [script for script in sorted(EXAMPLES.glob("*/train.py")) if trainable(script.parent)]
    return [
        subprocess.Popen([sys.executable, str(script), str(target)], env=environment, stdout=subprocess.DEVNULL)
        for script in scripts
    ]


def _repository(folder: Path, models: Path) -> Repository:
    """The chart and the examples of this checkout, with the one change that the model store's README names."""
    repository = Repository(folder)
    absent = [path.name for path in EXAMPLES.iterdir() if not trainable(path)]
    for part in (ROOT / "charts", EXAMPLES):
        shutil.copytree(part, folder / part.name, ignore=shutil.ignore_patterns("__pycache__", *absent))
    store = folder / "examples" / "model-store" / "store.yaml"
    store.write_text(store.read_text().replace("MODELS_FOLDER", str(models)))
    repository.commit()
    return repository


def _apply(gitops: GitOps) -> None:
    """What examples/argocd/README.md says, with another address of the repository."""
    kubectl, folder = gitops.argo.kubectl, EXAMPLES / "argocd"
    kubectl("patch", "configmap", "argocd-cm", "--patch-file", str(folder / "argocd-cm.yaml"))
    for name in APPLICATIONS:
        application = yaml.safe_load((folder / f"{name}.yaml").read_text())
        application["spec"]["source"]["repoURL"] = gitops.repository.url
        kubectl.apply(application)
