"""Answer /livez, /readyz and /metrics, which prove that the operator works and not only that a port answers."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

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
        """Wake up at a fixed pace, for ever, and note how late that was."""
        while True:
            self._due = self._clock() + _TICK_SECONDS
            await asyncio.sleep(_TICK_SECONDS)
            self._worst = max(0.0, self._clock() - self._due)


class Listing(Protocol):
    """How the listing of the whole cluster goes."""

    @property
    def last_success(self) -> float | None:
        """When everything was last listed, on a monotonic clock; None before the first time."""

    @property
    def trouble(self) -> str | None:
        """Why it failed the last time; None when it did not."""


class Health:
    """What the endpoints answer.

    Args:
        pulse: the loop's lag.
        listing: how the listing of the cluster goes.
        metrics: what a scrape gets; `refresh` brings the gauges up to date.
        hindrance: what else keeps the operator from its work; None when nothing does.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        pulse: Pulse,
        listing: Listing,
        metrics: Metrics,
        refresh: Callable[[], None],
        *,
        hindrance: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hindrance = hindrance
        self._pulse = pulse
        self._listing = listing
        self._metrics = metrics
        self._refresh = refresh
        self._clock = clock

    def trouble(self) -> str | None:
        """Why the process counts as stuck; None while its event loop runs.

        An API server that is away or slow is no reason: a new process would get no further. A part that fails ends the process by itself.
        """
        return f"the event loop is {self._pulse.lag:.1f} s late" if self._pulse.lag > LARGEST_LAG else None

    async def livez(self, _: web.Request) -> web.Response:
        """200 while the process works."""
        trouble = self.trouble()
        return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

    async def readyz(self, _: web.Request) -> web.Response:
        """200 once everything has been listed, and while that is possible."""
        trouble = self._listing.trouble or self._hindrance()
        if trouble is None and self._listing.last_success is None:
            trouble = "listing the cluster for the first time"
        return web.Response(status=503 if trouble else 200, text=f"{trouble or 'ok'}\n")

    async def scrape(self, _: web.Request) -> web.Response:
        """The metrics."""
        age = self._age(self._listing.last_success)
        self._metrics.lag.set(self._pulse.lag)
        self._metrics.resync_age.set(age if age is not None else 0)
        self._metrics.resynced.set(time.time() - age if age is not None else 0)
        self._refresh()
        # In a thread: the text of thousands of models takes a third of a second, which would hold up the event loop.
        text = await asyncio.to_thread(self._metrics.exposition)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE})

    def _age(self, moment: float | None) -> float | None:
        return None if moment is None else self._clock() - moment


@asynccontextmanager
async def serve(health: Health, host: str | None, port: int) -> AsyncIterator[None]:
    """Answer on an address, or on every one (None), while the block runs.

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
