"""The node's agent: gives every pod that is bound to this node a worker, and tells workers what changed around them."""

import asyncio
import shutil
from typing import Any

from sandbox.api import Api
from sandbox.node.addresses import Addresses
from sandbox.node.events import Events
from sandbox.node.hollow import HollowPods
from sandbox.node.images import ImageFile
from sandbox.node.memory import Memory
from sandbox.node.pods import PodWorker
from sandbox.node.registration import Registration
from sandbox.node.runtime import Node
from sandbox.node.settings import Settings
from sandbox.node.sources import Sources, references_of
from sandbox.node.templates import Templates
from sandbox.node.usage import ContainerUsage
from sandbox.processes import cgroup_name

Json = dict[str, Any]
PODS = "/api/v1/pods"
LOOK_SECONDS = 0.5
HOSTS_SECONDS = 0.05


class Agent:
    """One process node on one API server."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._settings = settings
        self._workers: dict[str, PodWorker] = {}
        self._addresses = Addresses(settings.address, settings.directory / "next-address")
        self._hosts_stale = asyncio.Event()
        images = ImageFile(settings.images)
        self._hollow = HollowPods(api, images, settings.address, self._addresses.release)
        self._node = Node(
            settings,
            images,
            Sources(api, self._source_changed),
            Events(api, settings.name),
            Memory(cgroup_name(settings.directory)),
            Templates() if settings.warm else None,
        )

    async def run(self) -> None:
        """Work until cancelled; then end every pod's processes, but leave the pods in the API as they are."""
        registration = Registration(self._api, self._settings)
        await self._clear()
        await registration.register()
        print(f"node {self._settings.name} is ready; memory limits by {self._node.memory.kind}", flush=True)  # noqa: T201
        try:
            await self._serve(registration)
        finally:
            for worker in self._workers.values():
                worker.kill()

    async def _serve(self, registration: Registration) -> None:
        async with asyncio.TaskGroup() as group:
            for part in (registration, self._hollow, self._node.sources, self._node.events, self._node.memory):
                group.create_task(part.run())
            group.create_task(self._follow_pods())
            group.create_task(self._follow_images())
            group.create_task(self._follow_services())

    def pod(self, namespace: str, name: str) -> Json | None:
        """The pod of that name on this node, its status as last reported."""
        pods = [*(worker.runtime.pod for worker in self._workers.values()), *self._hollow.pods()]
        return next((p for p in pods if (p["metadata"]["namespace"], p["metadata"]["name"]) == (namespace, name)), None)

    def usage(self) -> list[ContainerUsage]:
        """What every container that runs uses."""
        return [used for worker in self._workers.values() for used in worker.usage()]

    async def _clear(self) -> None:
        """Forget pods that vanished while no node ran; their processes died with the last node."""
        self._settings.pods.mkdir(parents=True, exist_ok=True)
        bound = (await self._api.get(PODS, fieldSelector=f"spec.nodeName={self._settings.name}"))["items"]
        for pod in bound:
            if pod.get("status", {}).get("podIP"):
                self._addresses.claim(pod["status"]["podIP"])
        known = {pod["metadata"]["uid"] for pod in bound}
        for folder in self._settings.pods.iterdir():
            if folder.name not in known:
                shutil.rmtree(folder, ignore_errors=True)

    async def _follow_pods(self) -> None:
        async for change in self._api.list_and_watch(PODS, fieldSelector=f"spec.nodeName={self._settings.name}"):
            pod = change.object
            uid = pod["metadata"]["uid"]
            worker = self._workers.get(uid)
            if uid in self._hollow:
                self._hollow.follow(change)
            elif worker is None:
                if change.type != "DELETED":
                    self._take(pod)
            elif change.type == "DELETED":
                worker.vanish()
            else:
                worker.update(pod)

    def _take(self, pod: Json) -> None:
        if self._hollow.suits(pod):
            self._hollow.take(pod, self._address(pod))
        else:
            uid = pod["metadata"]["uid"]
            self._workers[uid] = PodWorker(pod, self._api, self._node, self._address(pod), self._pod_ended)

    def _address(self, pod: Json) -> str:
        if pod["spec"].get("hostNetwork"):
            return self._settings.address
        return self._addresses.claim(pod.get("status", {}).get("podIP"))

    def _pod_ended(self, uid: str) -> None:
        worker = self._workers.pop(uid)
        self._addresses.release(worker.runtime.address)

    def _source_changed(self, kind: str, namespace: str, name: str) -> None:
        if kind == "Service":
            self._hosts_stale.set()
            return
        for worker in self._workers.values():
            pod = worker.runtime.pod
            if pod["metadata"]["namespace"] == namespace and (kind, name) in references_of(pod):
                worker.sources_changed()

    async def _follow_services(self) -> None:
        while True:
            await self._hosts_stale.wait()
            await asyncio.sleep(HOSTS_SECONDS)  # many Services come at once
            self._hosts_stale.clear()
            for worker in self._workers.values():
                worker.runtime.update_hosts()

    async def _follow_images(self) -> None:
        """Tell pods that wait for an image when the map of images changed."""
        before = 0
        while True:
            try:
                now = self._settings.images.stat().st_mtime_ns
            except OSError:
                now = 0
            if now != before:
                for worker in self._workers.values():
                    worker.runtime.poke.set()
            before = now
            await asyncio.sleep(LOOK_SECONDS)
