"""Hollow pods: Ready without a process, for tests about thousands of objects.

A pod is hollow when the images of all its containers are (see `images`). Its status is the one a kubelet reports of a
pod whose init containers ended well and whose containers are up. Containers that nothing starts again, as in the pod of
a Job, have ended well, too. It is written once, and again when a readiness gate opens or closes. What a kubelet writes on the way there is left out, and nothing is probed, logged or measured. Deleted, it goes
at once. No pod has a task or a folder of its own: a few writers serve all of them.
"""

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from sandbox.api import Api, ApiError, Change
from sandbox.node.events import timestamp
from sandbox.node.images import ImageFile
from sandbox.node.status import TERMINAL, ContainerState, Role, pod_status

Json = dict[str, Any]
WRITERS = 8
RETRY_SECONDS = 0.5


@dataclass
class HollowPod:
    """One of them.

    Attributes:
        pod: as the API server has it.
        address: the pod's.
        states: its containers, as they have been since the node took the pod.
        sent: the status that was written last.
    """

    pod: Json
    address: str
    started_at: str
    states: list[ContainerState]
    sent: Json = field(default_factory=dict)

    @classmethod
    def of(cls, pod: Json, address: str, images: ImageFile) -> "HollowPod":
        """The pod as the node takes it, or as an earlier node left it."""
        begin = pod.get("status", {}).get("startTime") or timestamp()
        return cls(pod, address, begin, _states(pod, timestamp(), images))

    @property
    def path(self) -> str:
        metadata = self.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    def status(self, node_address: str) -> Json:
        """The status to write."""
        return pod_status(
            self.pod,
            self.states,
            address=self.address,
            node_address=node_address,
            started_at=self.started_at,
            now=timestamp(),
            alive=True,
        )


class HollowPods:
    """All hollow pods of a node; `ended` is called with the address of one that is gone."""

    def __init__(self, api: Api, images: ImageFile, node_address: str, ended: Callable[[str], None]) -> None:
        self._api = api
        self._images = images
        self._node_address = node_address
        self._ended = ended
        self._pods: dict[str, HollowPod] = {}
        self._due: dict[str, None] = {}
        self._busy: set[str] = set()
        self._waiting = asyncio.Event()

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def suits(self, pod: Json) -> bool:
        """Whether the images of all its containers are hollow."""
        spec = pod["spec"]
        return all(
            self._images.is_hollow(one["image"]) for one in [*spec.get("initContainers", []), *spec["containers"]]
        )

    def take(self, pod: Json, address: str) -> None:
        """A pod was bound to this node, or is found there at the node's start."""
        uid = pod["metadata"]["uid"]
        self._pods[uid] = HollowPod.of(pod, address, self._images)
        self._look_at(uid)

    def follow(self, change: Change) -> None:
        """One of them changed, or is gone from the API."""
        pod = change.object
        uid = pod["metadata"]["uid"]
        if change.type == "DELETED":
            self._vanish(uid)
            return
        self._pods[uid].pod = pod
        if "deletionTimestamp" in pod["metadata"] or "readinessGates" in pod["spec"]:
            self._look_at(uid)

    def _vanish(self, uid: str) -> None:
        old_pod = self._pods.pop(uid, None)
        if old_pod is not None:
            self._ended(old_pod.address)

    def pods(self) -> list[Json]:
        """Every hollow pod as the API server has it."""
        return [hollow.pod for hollow in self._pods.values()]

    async def run(self) -> None:
        """Write what is due, for ever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(WRITERS):
                group.create_task(self._write_forever())

    def _look_at(self, uid: str) -> None:
        self._due[uid] = None
        self._waiting.set()

    async def _write_forever(self) -> None:
        while True:
            uid = await self._next()
            try:
                await self._write(uid)
            except (ApiError, aiohttp.ClientError, OSError):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._look_at, uid)
            finally:
                self._busy.discard(uid)
                self._waiting.set()

    async def _next(self) -> str:
        """The pod that has waited longest; none is in the hands of two writers, so that no older status overtakes a newer."""
        while True:
            free = next((uid for uid in self._due if uid not in self._busy), None)
            if free is not None:
                del self._due[free]
                self._busy.add(free)
                return free
            self._waiting.clear()
            await self._waiting.wait()

    async def _write(self, uid: str) -> None:
        hollow = self._pods.get(uid)
        if hollow is None:
            return
        try:
            if "deletionTimestamp" in hollow.pod["metadata"]:
                await self._api.delete(hollow.path, {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}})
            elif hollow.pod.get("status", {}).get("phase") not in TERMINAL:
                await self._report(uid, hollow)
        except ApiError as error:
            if error.status not in (404, 409):
                raise
            self._vanish(uid)

    async def _report(self, uid: str, hollow: HollowPod) -> None:
        status = hollow.status(self._node_address)
        if status == hollow.sent:
            return
        patch = {"metadata": {"uid": uid}, "status": status}
        answer = await self._api.patch(hollow.path + "/status", patch, "strategic")
        hollow.sent = status
        hollow.pod["status"] = answer["status"]


def _states(pod: Json, now: str, images: ImageFile) -> list[ContainerState]:
    """Containers that ended well, and those that run; one that an earlier node started keeps its times."""
    spec, status = pod["spec"], pod.get("status", {})
    known = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    before = {entry["name"]: entry for entry in known if entry.get("containerID")}
    inits = [(one, _init_role(one)) for one in spec.get("initContainers", [])]
    roles: list[tuple[Json, Role]] = [*inits, *((one, "main") for one in spec["containers"])]
    ends = {"init"} if spec.get("restartPolicy", "Always") == "Always" else {"init", "main"}
    states = []
    for one, role in roles:
        words = images.last_words(one["image"], one["name"])
        states.append(_state(one, role, _ended(now, words) if role in ends else _running(now), before.get(one["name"])))
    return states


def _running(now: str) -> Json:
    return {"running": {"startedAt": now}}


def _ended(now: str, words: str) -> Json:
    end = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return {"terminated": {**end, **({"message": words} if words else {})}}


def _init_role(spec: Json) -> Role:
    return "sidecar" if spec.get("restartPolicy") == "Always" else "init"


def _state(spec: Json, role: Role, state: Json, before: Json | None) -> ContainerState:
    before = before or {}
    identity = before.get("containerID") or f"sandbox://{secrets.token_hex(32)}"
    if "terminated" in state:
        state["terminated"]["containerID"] = identity
    return ContainerState(
        name=spec["name"],
        image=spec["image"],
        role=role,
        state=before.get("state") or state,
        ready=role == "init" or "running" in state,
        started=role != "init",
        image_id=f"{spec['image'].partition('@')[0]}@sha256:{hashlib.sha256(spec['image'].encode()).hexdigest()}",
        container_id=identity,
    )
