"""Work that nobody waits for: it is done while the model is idle, within bounds, and left out where there is no room."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

POLL_SECONDS = 0.002
"""How often a busy model is looked at."""
WAIT_SECONDS = 5.0
"""Work that found the model busy for so long is left out."""
_LOGGER = logging.getLogger(__name__)


class SpareTime:
    """Does such work.

    Args:
        is_idle: whether nobody waits for the model.
        most: pieces of work that may wait.
        most_bytes: that they may hold.
        at_once: pieces under way at a time.
        share: of time that the work may take; 1 for all of it.
        left_out: called for each piece that is not done.
    """

    def __init__(
        self,
        is_idle: Callable[[], bool],
        *,
        most: int,
        most_bytes: int,
        at_once: int,
        share: float,
        left_out: Callable[[], None],
    ) -> None:
        self._is_idle = is_idle
        self._most, self._most_bytes = most, most_bytes
        self._at_once = at_once
        self._share = share
        self._left_out = left_out
        self._waiting: deque[tuple[Callable[[], Awaitable[None]], int]] = deque()
        self._bytes = 0
        self._workers: set[asyncio.Task[None]] = set()

    def offer(self, work: Callable[[], Awaitable[None]], size: int) -> None:
        """Do a piece of work later, if there is room.

        Args:
            work: begins it; what it raises is logged.
            size: bytes that it holds.
        """
        is_full = self._bytes > 0 and self._bytes + size > self._most_bytes  # one alone may be larger
        if len(self._waiting) >= self._most or is_full:
            self._left_out()
            return
        self._waiting.append((work, size))
        self._bytes += size
        if len(self._workers) < self._at_once:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    def end(self) -> None:
        """Forget what waits, and stop what is under way."""
        self._waiting.clear()
        self._bytes = 0
        for worker in self._workers:
            worker.cancel()

    async def _work(self) -> None:
        while self._waiting:
            work, size = self._waiting.popleft()
            try:
                if not await self._wait_until_idle():
                    self._left_out()
                    continue
                begun = time.monotonic()
                await work()
                if self._share < 1:
                    await asyncio.sleep((time.monotonic() - begun) * (1 / self._share - 1))
            except Exception:
                _LOGGER.exception("two revisions could not be compared")
            finally:
                self._bytes = max(self._bytes - size, 0)

    async def _wait_until_idle(self) -> bool:
        latest = time.monotonic() + WAIT_SECONDS
        while not self._is_idle():
            if time.monotonic() > latest:
                return False
            await asyncio.sleep(POLL_SECONDS)
        return True
