"""Kubernetes Events about pods, as `kubectl describe` shows them; the same message again only raises a count."""

import asyncio
import secrets
from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import aiohttp

from sandbox.api import Api, ApiError

Json = dict[str, Any]
REMEMBERED = 2000
QUEUE = 5000


def timestamp() -> str:
    """Now, as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Events:
    """Records Events in the background; one that cannot be written is lost, as a kubelet's would be."""

    def __init__(self, api: Api, node: str) -> None:
        self._api = api
        self._node = node
        self._queue: asyncio.Queue[tuple[str, ...]] = asyncio.Queue(QUEUE)
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()

    def record(self, pod: Json, reason: str, message: str, *, container: str = "", warning: bool = False) -> None:
        """Record an Event about `pod`, or about one of its containers (`spec.containers{serve}`)."""
        metadata = pod["metadata"]
        kind = "Warning" if warning else "Normal"
        entry = (metadata["namespace"], metadata["name"], metadata["uid"], container, kind, reason, message[:1024])
        if not self._queue.full():
            self._queue.put_nowait(entry)

    async def run(self) -> None:
        """Write what is recorded, for ever."""
        while True:
            entry = await self._queue.get()
            try:
                await self._write(entry)
            except (ApiError, aiohttp.ClientError, OSError):
                self._known.pop(entry, None)  # it may have expired: the next one is new

    async def _write(self, entry: tuple[str, ...]) -> None:
        namespace, base = entry[0], f"/api/v1/namespaces/{entry[0]}/events"
        name, count = self._known.get(entry, ("", 0))
        if name:
            await self._api.patch(f"{base}/{name}", {"count": count + 1, "lastTimestamp": timestamp()}, "merge")
        else:
            name = f"{entry[1]}.{secrets.token_hex(8)}"
            await self._api.post(base, self._event(entry, namespace, name))
        self._known[entry] = (name, count + 1)
        self._known.move_to_end(entry)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def _event(self, entry: tuple[str, ...], namespace: str, name: str) -> Json:
        _, pod, uid, container, kind, reason, message = entry
        involved = {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": pod, "uid": uid}
        if container:
            involved["fieldPath"] = container
        now = timestamp()
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved,
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": "kubelet", "host": self._node},
            "reportingComponent": "kubelet",
            "reportingInstance": self._node,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
