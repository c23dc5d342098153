"""The kubelet's own API, as far as `kubectl logs` and metrics-server need it: HTTPS on the Node's address.

`serve(...)` runs until it is cancelled. `pod_of(namespace, name)` gives the pod with its status as last reported, from
which it follows which run of a container is meant; the logs lie where `containerlog.log_file` says.
"""

import asyncio
import re
import ssl
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.containerlog import Options, log_file, read
from sandbox.kubelet_access import Access
from sandbox.kubelet_metrics import exposition
from sandbox.network import KUBELET_PORT
from sandbox.node.usage import ContainerUsage, machine

Pod = Mapping[str, Any]
PodOf = Callable[[str, str], Pod | None]
UsageOf = Callable[[], Iterable[ContainerUsage]]
STATUS_LISTS = ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses")
CONTAINER_LISTS = ("containers", "initContainers", "ephemeralContainers")


async def serve(
    *,
    address: str,
    certificate: Path,
    key: Path,
    client_ca: Path,
    access: Access,
    directory: Path,
    pod_of: PodOf,
    usage_of: UsageOf,
    port: int = KUBELET_PORT,
) -> None:
    """Answer on `address` until cancelled; a certificate that a caller shows must be of `client_ca`, and `access` must let it pass."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_cert_chain(certificate, key)
    runner = web.AppRunner(application(directory, pod_of, usage_of, access), access_log=None, handler_cancellation=True)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=context).start()
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()


def application(directory: Path, pod_of: PodOf, usage_of: UsageOf, access: Access) -> web.Application:
    """The API as an application."""
    app = web.Application(middlewares=[access.guard])
    logs = _Logs(directory, pod_of)

    async def resources(_: web.Request) -> web.Response:
        text = exposition(machine, usage_of)
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    app.router.add_get("/healthz", _healthz)
    app.router.add_get("/metrics/resource", resources)
    app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", logs.get)
    return app


async def _healthz(_: web.Request) -> web.Response:
    return web.Response(text="ok")


class _Logs:
    def __init__(self, directory: Path, pod_of: PodOf) -> None:
        self._directory = directory
        self._pod_of = pod_of

    async def get(self, request: web.Request) -> web.StreamResponse:
        namespace, name, container = (request.match_info[key] for key in ("namespace", "pod", "container"))
        pod = self._pod_of(namespace, name)
        if pod is None:
            raise web.HTTPNotFound(text=f'pod "{name}" not found in namespace "{namespace}" on this node')
        if container not in _containers(pod):
            raise web.HTTPNotFound(text=f'container "{container}" not found in pod "{name}"')
        restarts = _run(pod, container, previous=request.query.get("previous") == "true")
        options, follow = _options(request.query), request.query.get("follow") == "true"

        def is_running() -> bool:
            current = self._pod_of(namespace, name)
            return current is not None and _is_running(current, container, restarts)

        path = log_file(self._directory, pod["metadata"]["uid"], container, restarts)
        response = web.StreamResponse(headers={"Content-Type": "text/plain"})
        await response.prepare(request)
        async for piece in read(path, options, follow=follow, is_running=is_running):
            await response.write(piece)
        return response


def _containers(pod: Pod) -> set[str]:
    return {container["name"] for key in CONTAINER_LISTS for container in pod["spec"].get(key, [])}


def _status(pod: Pod, container: str) -> Mapping[str, Any]:
    statuses = (status for key in STATUS_LISTS for status in pod.get("status", {}).get(key) or [])
    return next((status for status in statuses if status["name"] == container), {})


def _run(pod: Pod, container: str, *, previous: bool) -> int:
    """Number of the run whose log is meant; between two runs, the last one is both the current and the previous.

    Raises:
        web.HTTPBadRequest: there was no such run; the text is what a kubelet says.
    """
    status = _status(pod, container)
    state, restarts = status.get("state", {}), int(status.get("restartCount", 0))
    waiting, ended = "waiting" in state, "terminated" in status.get("lastState", {})
    where = f'container "{container}" in pod "{pod["metadata"]["name"]}"'
    if previous:
        if not ended:
            raise web.HTTPBadRequest(text=f"previous terminated {where} not found")
        return restarts if waiting else restarts - 1
    if not status or (waiting and not ended):
        reason = state.get("waiting", {}).get("reason", "ContainerCreating")
        raise web.HTTPBadRequest(text=f"{where} is waiting to start: {reason}")
    return restarts


def _is_running(pod: Pod, container: str, restarts: int) -> bool:
    status = _status(pod, container)
    return "running" in status.get("state", {}) and int(status.get("restartCount", 0)) == restarts


def _options(query: Mapping[str, str]) -> Options:
    tail, limit = _number(query, "tailLines"), _number(query, "limitBytes")
    return Options(tail=tail, since=_since(query), timestamps=query.get("timestamps") == "true", limit=limit)


def _number(query: Mapping[str, str], name: str) -> int | None:
    value = query.get(name)
    if value is not None and not re.fullmatch(r"\d+", value):
        raise web.HTTPBadRequest(text=f"{name} must be a whole number, not {value!r}")
    return None if value is None else int(value)


def _since(query: Mapping[str, str]) -> datetime | None:
    seconds = _number(query, "sinceSeconds")
    if seconds is not None:
        return datetime.now(UTC) - timedelta(seconds=seconds)
    moment = query.get("sinceTime")
    try:
        return None if moment is None else datetime.fromisoformat(moment)
    except ValueError as error:
        raise web.HTTPBadRequest(text=f"sinceTime must be an RFC 3339 time, not {moment!r}") from error
