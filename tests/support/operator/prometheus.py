"""A server that answers as a test says: a Prometheus, or a webhook."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Any]
"""What a request gets; it may be awaited."""


def number(*values: Any) -> web.Response:
    """What a query gets that gives these values, a series each."""
    result = [{"metric": {}, "value": [0, str(value)]} for value in values]
    return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """The address of a server that gives this answer to every request."""

    async def handle(request: web.Request) -> web.StreamResponse:
        content = answer(request)
        response: web.StreamResponse = await content if asyncio.iscoroutine(content) else content
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
