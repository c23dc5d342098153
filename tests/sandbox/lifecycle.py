"""One sandbox from start to stop: starts the parts in order, says when it is ready, ends it without a trace.

Parts: etcd, API server, controller manager, scheduler, node (pods, Service forwarder and kubelet API in one process),
metrics-server where it can be had.
None is the parent that must live: each is a process of its own, known by its mark (see `processes`), so that any of
them may be killed and `stop` still works.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Self

from sandbox import binaries, controlplane, credentials, metricsserver, processes
from sandbox.binaries import Binaries
from sandbox.capacity import capacity as quantities_of
from sandbox.errors import SandboxError
from sandbox.images import image_map
from sandbox.layout import Layout, Ports, audit_log, images_file, kubeconfig_file, log_file, record_file
from sandbox.network import claim_network, free_ports
from sandbox.probe import Probe
from sandbox.record import Record, read_record

START_SECONDS = 120.0
"""Bound of each wait of the start: generous, since a busy machine is slow but not broken."""

POLL_SECONDS = 0.05
NODE_NAME = "sandbox"


@dataclass(frozen=True)
class NodeOptions:
    """What is asked of the node."""

    endpoint_lag: float
    capacity: Mapping[str, str]
    warm: bool


@dataclass(frozen=True)
class Part:
    """One process of the sandbox, as `status` shows it."""

    name: str
    pid: int
    alive: bool
    log: Path


@dataclass
class Sandbox:
    """A running sandbox.

    Attributes:
        directory: everything it keeps on disk; removed by `stop`.
        server: URL of the API server.
        kubectl: a kubectl that suits it.
    """

    directory: Path
    server: str
    kubectl: Path
    _children: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)
    _guard: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        endpoint_lag: float = 2.0,
        images: Path | None = None,
        capacity: str = "",
        metrics: bool = True,
        warm: bool = False,
        guarded: bool = True,
    ) -> Self:
        """Start a sandbox and wait until pods can be scheduled; metrics come some seconds later.

        Args:
            directory: where it keeps its state; made here, and removed by `stop`.
            endpoint_lag: seconds until a Service learns that a pod became ready or began to end.
            images: JSON file of more image names, see `images.image_map`.
            capacity: what the Node offers in place of the defaults, see `capacity.capacity`.
            metrics: whether metrics-server runs, for autoscalers and `kubectl top`.
            warm: start the model server's containers as forks of one process that has imported its libraries, but those that
                `node.templates` leaves out; else each is a new program, as in a cluster.
            guarded: end the sandbox when this process ends, however it ends; else it runs on.

        Raises:
            SandboxError: a sandbox runs there already, or a part did not start.
        """
        directory, offered = directory.resolve(), quantities_of(capacity)
        programs, metrics_server = binaries.locate(), metricsserver.find() if metrics else None
        _make_room(directory)
        guard = _guard(directory) if guarded else None
        sandbox = cls(directory, "", programs.kubectl, _guard=guard)
        try:
            sandbox._start_parts(programs, metrics_server, NodeOptions(endpoint_lag, offered, warm), images)
        except BaseException:
            sandbox.stop()
            raise
        return sandbox

    @classmethod
    def open(cls, directory: Path) -> Self:
        """The sandbox that runs in `directory`, started by another process.

        Raises:
            SandboxError: there is none.
        """
        directory = directory.resolve()
        record = read_record(directory)
        return cls(directory, record.server, Path(record.kubectl))

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the cluster's administrator."""
        return kubeconfig_file(self.directory, "admin")

    @property
    def audit_log(self) -> Path:
        """One JSON event (audit.k8s.io/v1, level Metadata) a line for each mutating request, dry runs too."""
        return audit_log(self.directory)

    @property
    def images(self) -> Path:
        """The map from image names to commands; the node reads it at its start."""
        return images_file(self.directory)

    def parts(self) -> list[Part]:
        """What was started, and whether it still runs."""
        return [
            Part(name, pid, processes.is_alive(pid, self.directory), log_file(self.directory, name))
            for name, pid in read_record(self.directory).parts.items()
        ]

    def stop(self) -> int:
        """End every process and remove every trace, whatever is left of the sandbox; how many processes ended.

        Raises:
            SandboxError: something could not be ended or removed.
        """
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        ended = processes.end_all(self.directory)
        processes.reap(self._children)
        return ended

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_parts(
        self, programs: Binaries, metrics_server: Path | None, node: NodeOptions, images: Path | None
    ) -> None:
        images_file(self.directory).write_text(json.dumps(image_map(images), indent=2))
        network, claim = claim_network()
        with claim:
            layout = Layout(self.directory, network, Ports(*free_ports(4)))
            record = Record(layout.server, str(programs.kubectl), network.slot, node.endpoint_lag)
            self.server = layout.server
            credentials.write_credentials(layout)
            controlplane.write_audit_policy(layout)
            first, later = _commands(programs, layout, node)
            probe = Probe(layout)
            self._spawn(first, record, claim.fileno())
            # The others back off for seconds when they come before the default RBAC objects.
            self._wait(probe.api_ready, "the API server to be ready")
            if metrics_server is not None:
                self._wait(lambda: all(starmap(probe.create, metricsserver.rights())), "metrics-server's rights")
                later[metricsserver.NAME] = metricsserver.command(metrics_server, layout)
            self._spawn(later, record, claim.fileno())
        self._wait(probe.namespaces_usable, "the controllers to work")
        self._wait(lambda: probe.schedulable(NODE_NAME), "the node to be ready")
        if metrics_server is not None:
            self._wait(lambda: probe.listens(layout.ports.metrics_server), "metrics-server to listen")
            self._wait(lambda: probe.create(*metricsserver.registration(layout)), "the metrics API to be known")

    def _spawn(self, commands: Mapping[str, list[str]], record: Record, claim: int) -> None:
        for name, command in commands.items():
            log = log_file(self.directory, name)
            child = processes.spawn(
                command,
                directory=self.directory,
                log=log,
                environment={**os.environ, **controlplane.GO_ENVIRONMENT},
                pass_fds=[claim],
            )
            self._children.append(child)
            record.parts[name] = child.pid
            record.write(self.directory)

    def _wait(self, is_done: Probe.Question, purpose: str) -> None:
        end = time.monotonic() + START_SECONDS
        while not is_done():
            dead = next((part for part in self.parts() if not part.alive), None)
            if dead is not None:
                raise SandboxError(f"{dead.name} ended while waiting for {purpose}:\n{_tail(dead.log)}")
            if time.monotonic() > end:
                raise SandboxError(f"waited {START_SECONDS:g} s in vain for {purpose}; logs:\n{self._logs()}")
            time.sleep(POLL_SECONDS)

    def _logs(self) -> str:
        return "\n".join(f"== {part.name}\n{_tail(part.log, 5)}" for part in self.parts())


def _commands(
    programs: Binaries, layout: Layout, node: NodeOptions
) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """The command lines of the parts by name: those that start first, and those that need the API server."""
    first = {
        "etcd": controlplane.etcd(programs.etcd, layout),
        "kube-apiserver": controlplane.api_server(programs.api_server, layout),
    }
    later = {
        "kube-controller-manager": controlplane.controller_manager(programs.controller_manager, layout),
        "kube-scheduler": controlplane.scheduler(programs.scheduler, layout),
        "node": _node(layout, node),
    }
    return first, later


def _node(layout: Layout, options: NodeOptions) -> list[str]:
    certificate, key = credentials.key_files(layout, "kubelet")
    flags = {
        "kubeconfig": layout.kubeconfig("node"),
        "directory": layout.directory,
        "images": images_file(layout.directory),
        "endpoint-lag": options.endpoint_lag,
        "capacity": ",".join(f"{name}={amount}" for name, amount in options.capacity.items()),
        "address": layout.network.node_address,
        "kubelet-cert": certificate,
        "kubelet-key": key,
        "kubelet-client-ca": layout.authority,
    }
    words = [*(f"--{name}={value}" for name, value in flags.items()), *(["--warm"] if options.warm else [])]
    return [sys.executable, "-P", "-m", "sandbox.node", *words]


def _make_room(directory: Path) -> None:
    if record_file(directory).exists():
        if processes.find_marked(directory):
            raise SandboxError(
                f"a sandbox runs in {directory} already: end it with `python -m sandbox down --dir {directory}`"
            )
        processes.end_all(directory)
    elif directory.exists() and any(directory.iterdir()):
        raise SandboxError(f"{directory} holds files that are no sandbox's: choose another --dir")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    record_file(directory).write_text("{}")


def _guard(directory: Path) -> subprocess.Popen[bytes]:
    """A process that ends the sandbox once this one is gone: its standard input ends when we do, even by SIGKILL."""
    command = [sys.executable, "-P", "-m", "sandbox", "guard", "--dir", str(directory)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _tail(path: Path, lines: int = 15) -> str:
    with contextlib.suppress(OSError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return f"(no log in {path})"
