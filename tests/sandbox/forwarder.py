"""The Service forwarder: real ClusterIPs, balanced over ready pods, as late as kube-proxy learns of them.

`run(api, endpoint_lag=2.0)` watches Services and Pods until it is cancelled. What it does as kube-proxy does: it
balances connections, not requests; it cuts none that is established; a pod that became ready gets connections, and one
that began to end loses them, only `endpoint_lag` seconds later; without ready pods a connection is refused. What it
leaves out: UDP, node ports, session affinity.
"""

import asyncio
import contextlib
import logging
import os
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from sandbox.api import Api, ApiError, Change, Object
from sandbox.endpoints import Address, PodView, backends, selects, view
from sandbox.splice import Listener

logger = logging.getLogger(__name__)

FIRST_UNPRIVILEGED_PORT = 1024

Targets = dict[Address, tuple[Address, ...]]


async def run(api: Api, *, endpoint_lag: float) -> None:
    """Forward until cancelled; changes take effect `endpoint_lag` seconds late."""
    forwarder = Forwarder(api, endpoint_lag)
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forwarder.watch_services())
            tasks.create_task(forwarder.watch_pods())
            tasks.create_task(forwarder.apply_when_due())
    finally:
        forwarder.close()


class Forwarder:
    """Keeps what each Service should lead to, and makes it so when it is due."""

    def __init__(self, api: Api, endpoint_lag: float) -> None:
        self._api = api
        self._lag = endpoint_lag
        self._services: dict[str, dict[str, Object]] = defaultdict(dict)
        self._pods: dict[str, dict[str, PodView]] = defaultdict(dict)
        self._wanted: dict[str, Targets] = {}
        self._due: asyncio.Queue[tuple[float, Object, Targets]] = asyncio.Queue()
        self._listeners: dict[str, dict[Address, Listener]] = defaultdict(dict)

    async def watch_services(self) -> None:
        """Follow the Services of all namespaces."""
        async for change in self._api.list_and_watch("/api/v1/services"):
            service = change.object
            namespace, uid = service["metadata"]["namespace"], service["metadata"]["uid"]
            if change.type == "DELETED":
                self._services[namespace].pop(uid, None)
                self._want(service, {})
            else:
                self._services[namespace][uid] = service
                self._refresh(service)

    async def watch_pods(self) -> None:
        """Follow the pods of all namespaces."""
        async for change in self._api.list_and_watch("/api/v1/pods"):
            self._pod_changed(change)

    def _pod_changed(self, change: Change) -> None:
        namespace, uid = change.object["metadata"]["namespace"], change.object["metadata"]["uid"]
        pods = self._pods[namespace]
        old, new = pods.get(uid), view(change.object)
        if change.type == "DELETED":
            pods.pop(uid, None)
        elif new == old:
            return
        else:
            pods[uid] = new
        for service in self._services[namespace].values():
            if selects(service, new.labels) or (old is not None and selects(service, old.labels)):
                self._refresh(service)

    def _refresh(self, service: Object) -> None:
        if _is_api_server(service):
            self._want(service, self._api_server(service), lag=0)
        else:
            self._want(service, backends(service, self._pods[service["metadata"]["namespace"]].values()), self._lag)

    def _api_server(self, service: Object) -> Targets:
        """The API server registers no endpoints of its own: they could not be loopback addresses."""
        server = urlsplit(self._api.server)
        assert server.hostname is not None
        assert server.port is not None
        target = (Address(server.hostname, server.port),)
        return {Address(service["spec"]["clusterIP"], port["port"]): target for port in service["spec"]["ports"]}

    def _want(self, service: Object, targets: Targets, lag: float | None = None) -> None:
        uid = service["metadata"]["uid"]
        if self._wanted.get(uid, {}) == targets:
            return
        self._wanted[uid] = targets
        due = asyncio.get_running_loop().time() + (self._lag if lag is None else lag)
        self._due.put_nowait((due, service, targets))

    async def apply_when_due(self) -> None:
        """Make each change effective when it is due; the lag is the same for all, so their order is that of the queue."""
        loop = asyncio.get_running_loop()
        while True:
            due, service, targets = await self._due.get()
            await asyncio.sleep(due - loop.time())
            await self._apply(service, targets)

    async def _apply(self, service: Object, targets: Targets) -> None:
        listeners = self._listeners[service["metadata"]["uid"]]
        for address in [*targets, *(listeners.keys() - targets.keys())]:
            listener = listeners.setdefault(address, Listener(address))
            try:
                await listener.set_backends(targets.get(address, ()))
            except OSError as error:
                await self._report(service, address, error)
            if address not in targets:
                del listeners[address]

    def close(self) -> None:
        """Stop listening everywhere."""
        for listeners in self._listeners.values():
            for listener in listeners.values():
                listener.close()

    async def _report(self, service: Object, address: Address, error: OSError) -> None:
        """Tell the Service's owner, where `kubectl describe` shows it, why it cannot be reached."""
        if _is_api_server(service) and isinstance(error, PermissionError):
            logger.info("%s needs root; pods are told the API server's own address", address)
            return
        message = explain(address, error)
        logger.warning("service %s/%s: %s", service["metadata"]["namespace"], service["metadata"]["name"], message)
        with contextlib.suppress(ApiError, aiohttp.ClientError):
            namespace = service["metadata"]["namespace"]
            await self._api.post(f"/api/v1/namespaces/{namespace}/events", _event(service, message))


def _is_api_server(service: Object) -> bool:
    return (service["metadata"]["namespace"], service["metadata"]["name"]) == ("default", "kubernetes")


def explain(address: Address, error: OSError) -> str:
    """Why a Service's address cannot be listened on, and what to do where something can be done."""
    message = f"Cannot listen on {address.host}:{address.port}: {os.strerror(error.errno) if error.errno else error}."
    if isinstance(error, PermissionError) and address.port < FIRST_UNPRIVILEGED_PORT:
        message += f" Ports below {FIRST_UNPRIVILEGED_PORT} need root: give the Service a higher port."
    return message


def _event(service: Object, message: str) -> dict[str, Any]:
    metadata = service["metadata"]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    reference = {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": "v1", "kind": "Service", **reference},
        "type": "Warning",
        "reason": "CannotListen",
        "message": message,
        "source": {"component": "sandbox-forwarder"},
        "count": 1,
        "firstTimestamp": now,
        "lastTimestamp": now,
    }
