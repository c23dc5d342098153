"""Work that nobody waits for: it is done while the model is idle, within bounds, and left out where there is no room."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, NamedTuple, Protocol

from modelway_server.prediction.calls import settle
from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.prediction.line import Begin, Turn

WAIT_SECONDS = 5.0
"""Work that found the model busy for so long is left out."""
MAX_WAITING: Final = 64
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
WAITING_PART: Final = 8
"""What waits holds no more than so large a part of the bytes that all requests may hold."""
_LOGGER = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]


class _Piece(NamedTuple):
    """A piece of work that waits.

    Attributes:
        work: begins it.
        size: bytes that it holds.
        latest: when it is left out, on the monotonic clock.
    """

    work: Work
    size: int
    latest: float


class Model(Protocol):
    """What such work waits for."""

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for it."""

    @property
    def held_bytes(self) -> HeldBytes:
        """The bytes of all that waits, and of all requests."""

    def when_idle(self, at: float, begin: Begin) -> Turn:
        """Wait until nobody waits for it; see `Line.wait`."""


def most_bytes(held: HeldBytes) -> int:
    """Bytes that what waits may hold, of those that may be held at all."""
    return min(MAX_WAITING_BYTES, held.limit // WAITING_PART)


class SpareTime:
    """Does such work.

    Args:
        calls: the way to the model.
        most: pieces of work that may wait.
        most_bytes: that they may hold.
        at_once: pieces under way at a time.
        share: of time that the work may take, by the seconds that the last piece took; 1 for all of it.
        left_out: called for each piece that is not done.
    """

    def __init__(
        self,
        calls: Model,
        *,
        most: int,
        most_bytes: int,
        at_once: int,
        share: Callable[[float], float],
        left_out: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._most, self._most_bytes = most, most_bytes
        self._at_once = at_once
        self._share = share
        self._left_out = left_out
        self._waiting: deque[_Piece] = deque()
        self._bytes = 0
        self._workers: set[asyncio.Task[None]] = set()
        self._is_over = False

    def offer(self, work: Work, size: int) -> None:
        """Do a piece of work later, if there is room; after `end` nothing is done.

        Args:
            work: begins it; what it raises is logged.
            size: bytes that it holds.
        """
        if self._is_over:
            return
        is_full = self._bytes > 0 and self._bytes + size > self._most_bytes  # one alone may be larger
        if len(self._waiting) >= self._most or is_full or self._calls.held_bytes.is_scarce:
            self._left_out()
            return
        self._waiting.append(_Piece(work, size, time.monotonic() + WAIT_SECONDS))
        self._hold(size)
        working = sum(not worker.done() for worker in self._workers)
        if working < self._at_once:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    def end(self) -> None:
        """Forget what waits, stop what is under way, and take nothing more."""
        self._is_over = True
        while self._waiting:
            self._hold(-self._waiting.popleft().size)
        for worker in self._workers:
            worker.cancel()

    def _hold(self, size: int) -> None:
        """Count bytes that are held; a negative size counts fewer."""
        self._bytes += size
        self._calls.held_bytes.charge(size)

    async def _work(self) -> None:
        while self._waiting:
            seconds = await self._do_first()
            await asyncio.sleep(seconds * (1 / self._share(seconds) - 1))

    async def _do_first(self) -> float:
        """Do the piece that waits for longest; the seconds that it took. Nothing of it is held afterwards."""
        piece = self._waiting.popleft()
        begun = time.monotonic()
        try:
            if not await self._is_idle(piece.latest):
                self._left_out()
                return 0.0
            begun = time.monotonic()
            await piece.work()
        except Exception:
            _LOGGER.exception("two revisions could not be compared")
            self._left_out()
        finally:
            self._hold(-piece.size)
        return time.monotonic() - begun

    async def _is_idle(self, latest: float) -> bool:
        """Whether the model is idle by then, behind all others that wait for that."""
        if time.monotonic() >= latest:
            return False
        if self._calls.is_idle:
            return True
        answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        turn = self._calls.when_idle(latest, partial(settle, answer))
        try:
            return await answer
        finally:
            turn.cancel()
