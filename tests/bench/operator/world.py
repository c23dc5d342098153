"""Where the benchmark runs: a fresh sandbox whose models are hollow pods, with the operator by the chart, or without it."""

import json
import re
import shutil
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.errors import BenchError
from bench.operator.objects import HOLLOW_IMAGE, KINDS, PROVING_IMAGE, WITH_PREFLIGHT
from bench.operator.trail import Trail
from sandbox import Sandbox, processes
from support.cluster import helm
from support.cluster.deployed import OPERATOR
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

CAPACITY = "cpu=4000,memory=8Ti,pods=10000"
AT_ONCE = 1000
"""Jobs that may run at once where each model has one: the benchmark is about the operator, not about its patience."""
_DIGEST = f"sha256:{'a' * 64}"
_REPORTS = {
    "fetch": {"reason": "Fetched", "digest": _DIGEST},
    "prepare": {"reason": "Prepared", "engine": "onnx", "format": "sklearn"},
    "prove": {"reason": "Proved"},
}
NAMESPACES = 10
ADMISSION_SECONDS = 60.0
CRD = helm.CHART.parents[1] / "crds" / "modeldeployments.yaml"


@dataclass
class World:
    """A control plane with a node, a trail of what is written, and maybe the operator."""

    sandbox: Sandbox
    kubectl: Kubectl
    trail: Trail
    preflight: bool = False
    """Whether a Job proves each model first."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of the children of a model."""
        return WITH_PREFLIGHT if self.preflight else KINDS

    def namespaces(self, prefix: str, count: int = NAMESPACES) -> list[str]:
        """Fresh namespaces in which pods can be made."""
        names = [f"{prefix}-{number}" for number in range(count)]
        self.kubectl.create([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names])
        eventually(lambda: set(names) <= self._usable(), deadline=60)
        return names

    def _usable(self) -> set[str]:
        """Namespaces in which the controllers have put what pods need."""
        column = "custom-columns=N:.metadata.namespace"
        accounts = self.kubectl("get", "serviceaccounts", "-A", "--no-headers", "-o", column).split()
        roots = self.kubectl(
            "get", "configmaps", "-A", "--field-selector=metadata.name=kube-root-ca.crt", "--no-headers", "-o", column
        )
        return set(accounts) & set(roots.split())

    @property
    def operator(self) -> psutil.Process:
        """The operator's process.

        Raises:
            BenchError: there is none.
        """
        for pid in processes.find_marked(self.sandbox.directory):
            process = psutil.Process(pid)
            if process.cmdline()[2:4] == ["-m", "modelway"]:
                return process
        raise BenchError("the operator does not run")

    def memory(self) -> int:
        """Resident bytes of the operator."""
        return int(self.operator.memory_info().rss)

    def cpu_seconds(self) -> float:
        """CPU seconds that the operator has taken."""
        times = self.operator.cpu_times()
        return float(times.user + times.system)

    def metric(self, name: str) -> float:
        """The sum of a metric of the operator; an AssertionError while it does not answer."""
        address = self.kubectl(
            "get",
            "pods",
            "-n",
            SYSTEM,
            "--field-selector=status.phase=Running",
            "-o",
            "jsonpath={.items[*].status.podIP}",
        ).split()
        assert len(address) == 1, address
        try:
            with urllib.request.urlopen(f"http://{address[0]}:8080/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError as error:
            raise AssertionError(str(error)) from error
        return sum(float(value) for value in re.findall(rf"^{re.escape(name)}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


def _owning(kubectl: Kubectl) -> str:
    """Ask for a child of a ModelDeployment as the operator does; fails until admission knows the kind, which is new here.

    OwnerReferencesPermissionEnforcement looks for new kinds twice a minute. That is no cost of the operator's.
    """
    kind = {"apiVersion": "modelway.dev/v1alpha1", "kind": "ModelDeployment"}
    owner = {**kind, "name": "any", "uid": "0", "controller": True, "blockOwnerDeletion": True}
    child = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "any", "namespace": "default", "ownerReferences": [owner]},
        "spec": {"ports": [{"port": 80}]},
    }
    return kubectl("create", "--dry-run=server", f"--as={OPERATOR}", "-f", "-", input=json.dumps(child))


def _values(*, preflight: bool) -> dict[str, Any]:
    repository, _, tag = (PROVING_IMAGE if preflight else HOLLOW_IMAGE).partition(":")
    proofs = {"enabled": preflight, "maxConcurrent": AT_ONCE}
    return {"server": {"image": {"repository": repository, "tag": tag}}, "preflight": proofs}


@contextmanager
def world(*, operator: bool, preflight: bool = False) -> Iterator[World]:
    """A fresh sandbox, gone afterwards with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="modelway-bench-"))
    images = folder / "images.json"
    messages = {container: json.dumps(report) for container, report in _REPORTS.items()}
    images.write_text(json.dumps({PROVING_IMAGE: {"hollow": True, "messages": messages}}))
    try:
        with Sandbox.start(folder / "sandbox", capacity=CAPACITY, images=images) as sandbox:
            kubectl = Kubectl(sandbox.kubectl, sandbox.kubeconfig)
            if operator:
                helm.install(sandbox.kubeconfig, SYSTEM, _values(preflight=preflight))
            else:
                kubectl.apply(CRD.read_text())
            eventually(lambda: kubectl("get", "modeldeployments", "-A") is not None, deadline=30)
            if operator:
                eventually(lambda: _owning(kubectl), deadline=ADMISSION_SECONDS)
            yield World(sandbox, kubectl, Trail(sandbox.audit_log), preflight)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
