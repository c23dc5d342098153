"""A proxy before the real API server that makes the faults of networks and overload: stalled watches, lost history, refusals, slowness."""

import asyncio
import json
import random
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from sandbox.layout import kubeconfig_file

_PASSED_ON = ("Accept", "Content-Type")
_GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}}


@dataclass(frozen=True)
class ApiRequest:
    """A request that arrived."""

    method: str
    path: str
    query: Mapping[str, str]

    @property
    def namespace(self) -> str:
        """That of the path; empty where it names none."""
        _, _, rest = self.path.partition("/namespaces/")
        return rest.partition("/")[0]

    @property
    def is_write(self) -> bool:
        """Whether it stores something."""
        return self.method != "GET" and "dryRun" not in self.query

    @property
    def is_list(self) -> bool:
        """Whether it reads a whole collection."""
        return self.method == "GET" and "limit" in self.query and not self.is_probe

    @property
    def is_probe(self) -> bool:
        """Whether it asks for a sign of life."""
        return self.method == "GET" and self.query.get("limit") == "1"


@dataclass(frozen=True)
class Refusal:
    """What is answered to some requests."""

    status: int
    message: str
    concerns: Callable[[ApiRequest], bool]


@dataclass
class Faults:
    """What is wrong at present; set from the test's thread, read by the proxy's.

    Attributes:
        away: connections are closed without an answer.
        stalled: nothing that the API server says on a watch that is open now or opened later is passed on.
        history_lost: the next watches are told that the version they ask for is too old, as many as this.
        busy: the share of requests, watches aside, that is answered by 429, 500 or 503.
        delay: seconds before each request is passed on.
        mute: namespaces of which nothing is passed on on a watch that is open while they are in here.
        refusals: what is answered in the API server's place.
        requests: what was asked.
    """

    away: bool = False
    stalled: bool = False
    history_lost: int = 0
    busy: float = 0.0
    delay: float = 0.0
    mute: set[str] = field(default_factory=set)
    refusals: list[Refusal] = field(default_factory=list)
    requests: list[ApiRequest] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))


class _Proxy:
    def __init__(self, sandbox_directory: Path, server: str, faults: Faults) -> None:
        pki = sandbox_directory / "pki"
        self._tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._server = server
        self._faults = faults

    async def handle(self, request: web.Request) -> web.StreamResponse:
        faults, is_watch = self._faults, request.query.get("watch") == "true"
        api_request = ApiRequest(request.method, request.path, dict(request.query))
        faults.requests.append(api_request)
        if faults.away:
            return _hung_up(request)
        for refusal in faults.refusals:
            if refusal.concerns(api_request):
                return _refusal(refusal.status, refusal.message)
        await asyncio.sleep(faults.delay)
        if is_watch and faults.history_lost > 0:
            faults.history_lost -= 1
            return web.Response(text=json.dumps(_GONE) + "\n")
        if not is_watch and faults.dice.random() < faults.busy:
            return _refusal(faults.dice.choice((429, 500, 503)))
        timeout = aiohttp.ClientTimeout(total=None)
        body = await request.read()
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        url = f"{self._server}{request.rel_url}"
        try:
            # One session a request: a cut connection is then nobody else's.
            async with (
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._tls), timeout=timeout) as session,
                session.request(request.method, url, data=body or None, headers=headers) as answer,
            ):
                return await self._passed_back(request, answer, is_watch=is_watch)
        except (aiohttp.ClientError, OSError):
            return _hung_up(request)

    async def _passed_back(
        self, request: web.Request, answer: aiohttp.ClientResponse, *, is_watch: bool
    ) -> web.StreamResponse:
        if not is_watch:
            return web.Response(status=answer.status, body=await answer.read(), content_type=answer.content_type)
        back = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
        await back.prepare(request)
        async for chunk in answer.content.iter_any():
            if self._faults.stalled or ApiRequest(request.method, request.path, {}).namespace in self._faults.mute:
                await asyncio.Event().wait()
            await back.write(chunk)
        return back


def _hung_up(request: web.Request) -> web.Response:
    """No answer: the connection is gone before this one can be sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _refusal(status: int, message: str = "a storm") -> web.Response:
    headers = {"Retry-After": "1"} if status == 429 else {}
    content = {"kind": "Status", "code": status, "message": message, "reason": "Refused"}
    return web.json_response(content, status=status, headers=headers)


@contextmanager
def faulty_proxy(directory: Path, server: str) -> Iterator[tuple[Path, Faults]]:
    """A proxy before the API server of the sandbox in `directory`; a kubeconfig that leads to it, and its faults."""
    faults = Faults()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", _Proxy(directory, server, faults).handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    port = run(start())
    config = yaml.safe_load(kubeconfig_file(directory, "admin").read_text())
    config["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{port}"}
    config["users"][0]["user"] = {"token": "none"}
    path = directory / "kubeconfigs" / "faulty.yaml"
    path.write_text(yaml.safe_dump(config))
    try:
        yield path, faults
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
