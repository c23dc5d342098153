"""An API server that records what it is asked and answers as it is told, for faults that a real one does not produce on demand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from kubernetes.aio import client

from modelway.cluster.connection import Connection

Answer = tuple[int, dict[str, str], Any] | None
"""Status, headers and JSON body; None hangs up."""


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeApi:
    """Answers in the order of `answers`, then 200 with an empty object.

    Attributes:
        answers: what is answered, in this order.
        requests: what was asked.
    """

    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    address: str = ""

    @property
    def connection(self) -> Connection:
        """How a client reaches it."""
        configuration = client.Configuration(host=self.address)
        configuration.connection_pool_maxsize = 4
        return Connection(configuration)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Record, then answer."""
        body = await request.json() if request.can_read_body else None
        self.requests.append(Request(request.method, request.path, dict(request.query), dict(request.headers), body))
        answer = self.answers.pop(0) if self.answers else (200, {}, {})
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            await asyncio.Event().wait()
            raise AssertionError("the connection is closed")
        status, headers, content = answer
        return web.json_response(content, status=status, headers=headers)


@asynccontextmanager
async def fake_api(*answers: Answer) -> AsyncIterator[FakeApi]:
    """A fake API server on loopback."""
    fake = FakeApi(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()
