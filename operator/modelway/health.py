"""Endpoints that prove the operator works, not only that a port answers: /livez, /readyz and /metrics."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from modelway.metrics import CONTENT_TYPE, Metrics

LARGEST_LAG = 10.0
"""Seconds that the event loop may be late before the process counts as stuck."""

_TICK_SECONDS = 0.5


class Pulse:
    """Measures how late the event loop runs.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._due = clock()
        self._worst = 0.0

    @property
    def lag(self) -> float:
        """Seconds that the loop is late: the last delay, or the one that is going on."""
        return max(self._worst, self._clock() - self._due - _TICK_SECONDS)

    async def beat(self) -> None:
        """For ever: wake up at a fixed pace and note how late it was."""
        while True:
            self._due = self._clock() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            self._worst = max(0.0, self._clock() - self._due)


class Health:
    """What the endpoints answer.

    Args:
        pulse: the loop's lag.
        resync_age: seconds since everything was last listed; None before the first time.
        oldest_resync: seconds after which the last listing is too old to be trusted.
        metrics: what a scrape gets; `refresh` brings the gauges up to date.
    """

    def __init__(
        self,
        pulse: Pulse,
        resync_age: Callable[[], float | None],
        oldest_resync: float,
        metrics: Metrics,
        refresh: Callable[[], None],
    ) -> None:
        self._pulse = pulse
        self._resync_age = resync_age
        self._oldest_resync = oldest_resync
        self._metrics = metrics
        self._refresh = refresh

    def trouble(self) -> str | None:
        """What proves that the process no longer does its work; None when all is well."""
        age = self._resync_age()
        if self._pulse.lag > LARGEST_LAG:
            return f"the event loop is {self._pulse.lag:.1f} s late"
        if age is not None and age > self._oldest_resync:
            return f"the cluster was last listed {age:.0f} s ago"
        return None

    async def livez(self, _: web.Request) -> web.Response:
        """200 while the process works."""
        trouble = self.trouble()
        return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """200 once everything has been listed."""
        ready = self._resync_age() is not None
        return web.Response(
            status=200 if ready else 503, text="ok\n" if ready else "listing the cluster for the first time\n"
        )

    async def scrape(self, _: web.Request) -> web.Response:
        """The metrics."""
        age = self._resync_age()
        self._metrics.lag.set(self._pulse.lag)
        self._metrics.resync_age.set(age if age is not None else 0)
        self._refresh()
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})


@asynccontextmanager
async def served(health: Health, host: str, port: int) -> AsyncIterator[None]:
    """Answer on an address while the block runs.

    Raises:
        OSError: the address is taken or not ours.
    """
    app = web.Application()
    app.add_routes(
        [web.get("/livez", health.livez), web.get("/readyz", health.readyz), web.get("/metrics", health.scrape)]
    )
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()
