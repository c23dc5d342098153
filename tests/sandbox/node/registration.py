"""The Node object and its lease: made at the start, kept fresh while the node lives."""

import asyncio
import os
import platform
from datetime import UTC, datetime
from typing import Any

import aiohttp

from sandbox.api import Api, ApiError
from sandbox.node.events import timestamp
from sandbox.node.settings import Settings

Json = dict[str, Any]
LEASE_SECONDS = 40
RENEW_SECONDS = 10.0
HEARTBEAT_SECONDS = 60.0
RETRY_SECONDS = 0.5
VERSION = "v1.34.4"
PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


def _labels(name: str) -> dict[str, str]:
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": machine}


def _condition(kind: str, reason: str, message: str, *, true: bool, since: str) -> Json:
    status = "True" if true else "False"
    times = {"lastHeartbeatTime": timestamp(), "lastTransitionTime": since}
    return {"type": kind, "status": status, "reason": reason, "message": message, **times}


def node_status(settings: Settings, since: str) -> Json:
    """The status of a Node that is well and takes pods; `since` is when it started."""
    pressures = [
        _condition(kind, "Sufficient", "the sandbox does not measure it", true=False, since=since) for kind in PRESSURES
    ]
    ready = _condition("Ready", "KubeletReady", "the process node is running", true=True, since=since)
    with open("/proc/sys/kernel/random/boot_id") as file:  # noqa: PTH123
        boot = file.read().strip()
    return {
        "capacity": dict(settings.capacity),
        "allocatable": dict(settings.capacity),
        "conditions": [*pressures, ready],
        "addresses": [
            {"type": "InternalIP", "address": settings.address},
            {"type": "Hostname", "address": settings.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": settings.kubelet_port}},
        "nodeInfo": {
            "architecture": _labels("")["kubernetes.io/arch"],
            "bootID": boot,
            "containerRuntimeVersion": "sandbox://1",
            "kernelVersion": os.uname().release,
            "kubeProxyVersion": "",
            "kubeletVersion": VERSION,
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "modelway sandbox: pods are processes of this machine",
            "systemUUID": "",
        },
    }


class Registration:
    """Keeps one Node in the API."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self._api = api
        self._settings = settings
        self._since = timestamp()

    async def register(self) -> None:
        """Make the Node, or take over the one that is there; waits for the API server."""
        name = self._settings.name
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": _labels(name)}}
        while True:
            try:
                await self._create("/api/v1/nodes", node)
                await self._beat()
                await self._renew()
            except (ApiError, aiohttp.ClientError, OSError) as error:
                print(f"cannot register the node yet: {error}", flush=True)  # noqa: T201 - the node's log
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def run(self) -> None:
        """Renew lease and status for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._renew, RENEW_SECONDS))
            group.create_task(self._repeat(self._beat, HEARTBEAT_SECONDS))

    async def _repeat(self, action: Any, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                async with asyncio.timeout(seconds):
                    await action()
            except (ApiError, aiohttp.ClientError, OSError) as error:
                print(f"cannot renew the node: {error!r}", flush=True)  # noqa: T201 - the node's log
                await self.register()

    async def _create(self, path: str, body: Json) -> None:
        try:
            await self._api.post(path, body)
        except ApiError as error:
            if error.status != 409:
                raise

    async def _beat(self) -> None:
        path = f"/api/v1/nodes/{self._settings.name}/status"
        await self._api.patch(path, {"status": node_status(self._settings, self._since)}, "strategic")

    async def _renew(self) -> None:
        name = self._settings.name
        base = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": now}
        body: Json = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}, "spec": spec}
        await self._api.patch(f"{base}/{name}", body, "apply", fieldManager="kubelet", force="true")
