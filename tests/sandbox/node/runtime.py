"""What the containers of one pod share: the pod as it is now, its folders and volumes, and the node's services."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.node import environment, hosts
from sandbox.node.environment import PodView
from sandbox.node.events import Events
from sandbox.node.images import Image, ImageFile
from sandbox.node.memory import Memory
from sandbox.node.process import Begin, Launch, Mount
from sandbox.node.settings import Settings
from sandbox.node.sources import Sources
from sandbox.node.templates import START, Templates
from sandbox.node.volumes import Volumes
from sandbox.processes import MARK

Json = dict[str, Any]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LISTEN = "MODELWAY_HOST"
"""Which address our programs listen on, in place of every one: all pods share the one network of this machine."""


@dataclass(frozen=True)
class Node:
    """The services of the node that every pod uses."""

    settings: Settings
    images: ImageFile
    sources: Sources
    events: Events
    memory: Memory
    templates: Templates | None


@dataclass
class Runtime:
    """One pod at work.

    Attributes:
        pod: the pod as the API server has it.
        stopped: set once nothing may be started any more.
        poke: set when something the pod waits for may have changed; taken back before each attempt.
        report: called after each change of a container's state.
    """

    pod: Json
    node: Node
    address: str
    report: Callable[[], None]
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    poke: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.uid: str = self.pod["metadata"]["uid"]
        self.folder: Path = self.node.settings.pods / self.uid
        self.volumes = Volumes(self.folder / "volumes", self.node.sources)
        self.policy: str = self.pod["spec"].get("restartPolicy", "Always")

    @property
    def view(self) -> PodView:
        """The pod as environments and volumes show it to itself."""
        settings = self.node.settings
        services = hosts.services_environment(settings.api_host, settings.api_port)
        return PodView(self.pod, self.address, settings.address, settings.capacity, services)

    @property
    def begin(self) -> Begin | None:
        """The way to begin containers that is tried first."""
        templates, annotations = self.node.templates, self.pod["metadata"].get("annotations", {})
        return None if templates is None or annotations.get(START) == "cold" else templates.begin

    def title(self) -> str:
        """The pod as a kubelet's messages name it."""
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    def event(self, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record an Event about the pod or one of its containers."""
        self.node.events.record(self.pod, reason, message, container=container, warning=warning)

    async def pause(self, seconds: float, *, pokable: bool = False) -> None:
        """Wait, but no longer than until the pod stops, or until something changed when `pokable`."""
        signals = [self.stopped, *([self.poke] if pokable else [])]
        waits = [asyncio.ensure_future(signal.wait()) for signal in signals]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def update_hosts(self) -> None:
        """Bring /etc/hosts up to date."""
        lines = hosts.service_lines(self.node.sources.services())
        with contextlib.suppress(FileNotFoundError):  # the pod is gone
            hosts.write(self.folder / "hosts", hosts.render(self.pod, self.address, lines))

    def lookup(self, kind: str, name: str) -> Json | None:
        """Keys and values of a ConfigMap or Secret of the pod's namespace, as texts."""
        data = self.node.sources.find(kind, self.pod["metadata"]["namespace"], name)
        return None if data is None else {key: value.decode(errors="replace") for key, value in data.items()}

    async def launch(self, container: Json, image: Image, termination: Path) -> Launch:
        """How to start `container`; `termination` is the file for its last words.

        Raises:
            environment.ConfigError: something it refers to is missing.
            volumes.MountError: something it mounts is.
        """
        await self.node.sources.load(self.pod)
        known = environment.variables(container, self.view, self.lookup)
        metadata, settings = self.pod["metadata"], self.node.settings
        hostname = (self.pod["spec"].get("hostname") or metadata["name"])[:63].rstrip("-.")
        base = {"PATH": PATH, "HOME": "/", "HOSTNAME": hostname, LISTEN: self.view.address, **image.environment}
        root = self.folder / container["name"] / "root"
        root.mkdir(parents=True, exist_ok=True)
        return Launch(
            argv=environment.command(container, image.entrypoint, known),
            env={**base, **known, MARK: str(settings.directory)},
            cwd=container.get("workingDir") or image.working_directory,
            hostname=hostname,
            root=str(root),
            mounts=self._mounts(container, known, termination),
            visible=[*settings.visible, *(word for word in image.entrypoint if Path(word).is_absolute())],
            hidden=str(settings.directory),
            readonlyRoot=bool(container.get("securityContext", {}).get("readOnlyRootFilesystem")),
            userNamespace=settings.user_namespace,
            user=user(self.pod, container, image),
        )

    def _mounts(self, container: Json, known: dict[str, str], termination: Path) -> list[Mount]:
        expressions = {
            mount["mountPath"]: environment.expand(mount["subPathExpr"], known)
            for mount in container.get("volumeMounts", [])
            if mount.get("subPathExpr")
        }
        own = [Mount(str(self.folder / "hosts"), "/etc/hosts", readOnly=False)]
        resolver = Path("/etc/resolv.conf").resolve()
        if resolver.is_file():
            own.append(Mount(str(resolver), "/etc/resolv.conf", readOnly=True))
        own.append(
            Mount(str(termination), container.get("terminationMessagePath", "/dev/termination-log"), readOnly=False)
        )
        mounts = self.volumes.mounts(self.pod, container, expressions)
        taken = {mount.target for mount in mounts}
        return [*mounts, *(mount for mount in own if mount.target not in taken)]


def user(pod: Json, container: Json, image: Image) -> int:
    """The user id a container runs as.

    Raises:
        environment.ConfigError: runAsNonRoot forbids it.
    """
    context = {**pod["spec"].get("securityContext", {}), **container.get("securityContext", {})}
    wanted = int(context.get("runAsUser", image.user))
    if context.get("runAsNonRoot") and wanted == 0:
        raise environment.ConfigError("container has runAsNonRoot and image will run as root")
    return wanted
