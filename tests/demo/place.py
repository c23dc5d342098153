"""Where the demo runs: a sandbox of its own, or the cluster of a kubeconfig's context."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.errors import DemoError
from demo.progress import Narrator
from sandbox import Sandbox, binaries
from sandbox.__main__ import DEFAULT_DIRECTORY
from support.cluster.sandbox import Kubectl

POD_PORTS = (8080, 8082, 10250)
OWN = (
    ("crd", "modeldeployments.modelway.dev"),
    ("namespace", "modelway-system"),
    ("namespace", "modelway-demo"),
    ("namespace", "model-store"),
)
"""What the demo makes in a cluster."""
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    """A cluster and the folder of trained models."""

    kubeconfig: Path
    """Names one cluster and its administrator."""
    kubectl: Kubectl
    models: Path
    """Where the training scripts write."""
    sandboxed: bool
    """Whether it is our sandbox, which sees this machine's files."""

    @property
    def service_port(self) -> int:
        """The port of the models' Services: 80, but in a sandbox that may not listen there."""
        return 80 if not self.sandboxed or _may_listen_on(80) else 8080


@contextmanager
def sandbox_place(narrator: Narrator, *, keep: bool) -> Iterator[Place]:
    """A fresh sandbox with its models in a folder of its own; gone afterwards unless it is kept.

    Raises:
        DemoError: a port that pods need is taken.
        SandboxError: it cannot be started; the text says why.
    """
    _require_free_ports()
    programs = binaries.locate()
    folder = Path(tempfile.mkdtemp(prefix="modelway-demo-"))
    directory = DEFAULT_DIRECTORY if keep else folder / "sandbox"
    models = ROOT / "models" if keep else folder / "models"
    try:
        with narrator.step("Starting etcd, the API server, the controllers, the scheduler and a node") as step:
            sandbox = Sandbox.start(directory, guarded=not keep)
            step.result = sandbox.server
        try:
            yield Place(sandbox.kubeconfig, Kubectl(programs.kubectl, sandbox.kubeconfig), models, sandboxed=True)
        except BaseException:
            sandbox.stop()
            raise
        if not keep:
            with narrator.step("Stopping the sandbox"):
                sandbox.stop()
    finally:
        shutil.rmtree(folder)


@contextmanager
def context_place(context: str) -> Iterator[Place]:
    """The cluster that a context of the user's kubeconfig names.

    Raises:
        DemoError: there is no such context, Modelway is there already, or the cluster's Services cannot be reached from this machine.
    """
    kubectl = binaries.locate().kubectl
    with tempfile.TemporaryDirectory(prefix="modelway-demo-") as folder:
        kubeconfig = Path(folder) / "kubeconfig"
        command = [str(kubectl), "config", "view", "--minify", "--flatten", "--context", context]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise DemoError(
                f"context {context}: {process.stderr.strip()}; `kubectl config get-contexts` lists what there is"
            )
        kubeconfig.touch(mode=0o600)
        kubeconfig.write_text(process.stdout)
        place = Place(kubeconfig, Kubectl(kubectl, kubeconfig), Path(folder) / "models", sandboxed=False)
        _require_room(place.kubectl, context)
        _require_reachable_services(place.kubectl, context)
        yield place


def train(place: Place) -> list[str]:
    """Run the training scripts beside each other; what they said.

    Raises:
        DemoError: one of them failed.
    """
    scripts = [ROOT / "examples" / name / "train.py" for name in ("breast_cancer", "fraud", "evaluation", "rollouts")]
    running = [_start([sys.executable, str(script), str(place.models)]) for script in scripts]
    lines: list[str] = []
    try:
        for script, process in zip(scripts, running, strict=True):
            output, errors = process.communicate()
            if process.returncode != 0:
                raise DemoError(f"{script} failed:\n{errors}")
            lines += output.splitlines()
    finally:
        for process in running:
            process.kill()
            process.wait()
    return lines


def _start(command: list[str]) -> "subprocess.Popen[str]":
    # Threads that wait for each other by spinning make small models on a busy machine many times slower.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def _may_listen_on(port: int) -> bool:
    """Whether this user may listen on the port of an address that nobody uses, and nobody holds the port on all addresses."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.255.255.250", port))
        except OSError:
            return False
    return True


def _require_free_ports() -> None:
    for port in POD_PORTS:
        if not _may_listen_on(port):
            raise DemoError(
                f"a program on this machine listens on port {port} of every address, and the sandbox's pods listen there on "
                f"addresses of their own: stop it for the time of the demo; `ss -ltnp sport = :{port}` names it"
            )


def _require_room(kubectl: Kubectl, context: str) -> None:
    """Nothing of the demo's names may be there: what the demo makes it removes at the end, and nothing else."""
    for kind, name in OWN:
        if kubectl.exists(kind, name):
            raise DemoError(
                f"context {context}: there is a {kind} {name} already, and the demo would take it away at its end: choose "
                "another cluster, or remove it first (docs/install.md says how to remove Modelway)"
            )


def _require_reachable_services(kubectl: Kubectl, context: str) -> None:
    address = kubectl.in_namespace("default").get("service", "kubernetes")["spec"]["clusterIP"]
    try:
        socket.create_connection((address, 443), timeout=5).close()
    except OSError as error:
        raise DemoError(
            f"context {context}: Services, such as {address}:443, cannot be reached from this machine ({error}). The demo sends "
            "its load to a Service: run it on a node of the cluster, or without CONTEXT on a sandbox"
        ) from error
