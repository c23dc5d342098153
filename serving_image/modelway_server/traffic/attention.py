"""How long this process stood still, because others had the processors.

What gives its processors away to all others may stand still for long. An answer that it did not read in that time was not late.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

TICK_SECONDS: Final = 0.05
USUAL_SECONDS: Final = 2 * TICK_SECONDS
"""Between two ticks of a process that runs when it wants to."""


class Attention:
    """Looks at the clock while something is awaited."""

    def __init__(self) -> None:
        self._watched = 0
        self._last = self._away = 0.0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def away(self) -> float:
        """Seconds for which this process stood still so far, while something was awaited."""
        return self._away + (self._missed() if self._watched else 0.0)

    def now(self) -> float:
        """The monotonic clock, which did not go on meanwhile."""
        return time.monotonic() - self.away

    @asynccontextmanager
    async def timeout(self, seconds: float) -> AsyncIterator[None]:
        """As `asyncio.timeout`, by that clock; what has come by then is read before the time is over.

        Args:
            seconds: after which it raises TimeoutError.
        """
        loop = asyncio.get_running_loop()
        end, is_read = self.now() + seconds, False
        timer: asyncio.TimerHandle | None = None

        def look() -> None:
            nonlocal timer, is_read
            left = end - self.now()
            if left <= 0 and is_read:
                limit.reschedule(loop.time())
                return
            is_read = left <= 0
            timer = loop.call_later(TICK_SECONDS if is_read else left, look)

        with self.watch():
            async with asyncio.timeout(None) as limit:
                look()
                try:
                    yield
                finally:
                    if timer is not None:
                        timer.cancel()

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Look at the clock meanwhile."""
        self._watched += 1
        if self._watched == 1:
            self._last = time.monotonic()
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
        try:
            yield
        finally:
            self._watched -= 1
            if not self._watched:
                self._away += self._missed()
                if self._timer is not None:
                    self._timer.cancel()

    def _missed(self) -> float:
        return max(time.monotonic() - self._last - USUAL_SECONDS, 0.0)

    def _tick(self) -> None:
        self._away += self._missed()
        self._last = time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)
