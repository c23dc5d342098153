"""The cluster, seen by the first process of its namespaces: starts the parts in order and hands over the images."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from e2e import control_plane, node_config
from e2e.errors import E2eError
from e2e.place import INSIDE, LAYOUT, NODE_NAME
from sandbox import binaries, controlplane, credentials, processes
from sandbox.binaries import parts
from sandbox.layout import log_file
from sandbox.probe import Probe
from support.cluster.sandbox import Kubectl

START_SECONDS = 120.0
POLL_SECONDS = 0.1
LOG_LINES = 12


@dataclass
class Cluster:
    """Parts that run, by name.

    Attributes:
        directory: the mark that every process carries; see `sandbox.processes`.
    """

    directory: Path
    _commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, snapshotter: str, archives: Sequence[Path]) -> Path:
        """Start all and wait until pods can run; the administrator's kubeconfig.

        Raises:
            E2eError: a part ended, or was not ready in time; the end of its log.
        """
        programs = binaries.locate()
        self._commands = {
            **control_plane.commands(programs),
            **node_config.commands(parts.locate("kubelet"), parts.locate("coredns")),
        }
        self._write_files(snapshotter)
        probe = Probe(LAYOUT)
        self._spawn("containerd", "etcd", "kube-apiserver")
        self._wait(node_config.SOCKET.exists, "containerd to listen")
        for archive in archives:
            self._load(archive)
        self._wait(probe.api_ready, "the API server to be ready")
        self._spawn("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns")
        self._wait(probe.namespaces_usable, "the controllers to work")
        self._wait(lambda: probe.schedulable(NODE_NAME), "the node to be ready")
        kubeconfig = LAYOUT.kubeconfig("admin")
        Kubectl(programs.kubectl, kubeconfig).apply(node_config.dns_service())
        return kubeconfig

    def _write_files(self, snapshotter: str) -> None:
        credentials.write_credentials(LAYOUT)
        controlplane.write_audit_policy(LAYOUT)
        for name, content in node_config.files(processes.cgroup_name(self.directory), snapshotter).items():
            file = node_config.CONFIG / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    def _spawn(self, *names: str) -> None:
        for name in names:
            self._running[name] = processes.spawn(
                self._commands[name],
                directory=self.directory,
                log=log_file(INSIDE, name),
                environment={**os.environ, **controlplane.GO_ENVIRONMENT},
            )

    def _load(self, archive: Path) -> None:
        command = ["ctr", "--address", str(node_config.SOCKET), "--namespace", "k8s.io", "images", "import"]
        process = subprocess.run([*command, str(archive)], capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise E2eError(f"containerd does not take {archive.name}: {process.stderr.strip()}")

    def _wait(self, is_done: Callable[[], bool], purpose: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not is_done():
            dead = [name for name, process in self._running.items() if process.poll() is not None]
            if dead:
                raise E2eError(f"{dead[0]} ended while waiting for {purpose}:\n{_tail(dead[0])}")
            if time.monotonic() > end:
                logs = "\n".join(f"== {name}\n{_tail(name)}" for name in self._running)
                raise E2eError(f"waited {START_SECONDS:g} s in vain for {purpose}:\n{logs}")
            time.sleep(POLL_SECONDS)


def _tail(name: str) -> str:
    return "\n".join(log_file(INSIDE, name).read_text(errors="replace").splitlines()[-LOG_LINES:])
