"""The connections to a candidate: kept, shared out anew from time to time, and none where there is no way to it.

A Service shares connections out among the pods of the candidate, not requests. So a connection is kept for
MAX_AGE_SECONDS at most.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from modelway_server.prediction.held_bytes import HeldBytes
from modelway_server.traffic.attention import USUAL_SECONDS, Attention
from modelway_server.traffic.connector import Connector
from modelway_server.traffic.incoming import REVISION_HEADER
from modelway_server.traffic.wire import BrokenOff, CandidateAnswer, NoRoom, Room, Wire

CONNECT_SECONDS = 0.5
PAUSE_SECONDS = 1.0
"""How long nobody tries again after the candidate could not be connected to; twice as long after each further time."""
MAX_PAUSE_SECONDS = 60.0
SURE_SECONDS = 0.1
"""A candidate that is not connected to in less may be well: the request was in a hurry."""
STALE_SECONDS = 0.05
"""A kept connection that ends so soon after a request was ended before it; later the candidate had the request."""
MAX_AGE_SECONDS = 15.0
MAX_WIRES = 128
"""Requests that wait for the candidate at a time, so that the stable model has room for all of them at once."""
ROOM = 2
"""Answers of the largest size that may arrive at a time."""
MIN_ANSWER_BYTES = 32 * 1024 * 1024
ANSWERS_PER_REQUEST = 4
"""An answer of the candidate may be so many times larger than a request may be."""
_LOGGER = logging.getLogger(__name__)

_Timeout = Callable[[float], AbstractAsyncContextManager[object]]


def largest_answer(max_request_bytes: int) -> int:
    """Bytes that an answer of the candidate may have, by those that a request may have."""
    return max(MIN_ANSWER_BYTES, max_request_bytes * ANSWERS_PER_REQUEST)


class Unreachable(Exception):
    """There is no connection to the candidate, or another server answers on it: the candidate never saw the request."""


class Busy(Exception):
    """As many requests wait for the candidate as may."""


class Client:
    """Asks one candidate.

    Args:
        connector: opens connections.
        limit: bytes of one answer.
        revision: hash of the candidate's revision, which all of its answers name.
        held: bytes that the server holds, of which answers that arrive are a part.
        attention: of a process that may stand still. What it misses meanwhile is not held against the candidate.
    """

    def __init__(
        self, connector: Connector, limit: int, revision: str, held: HeldBytes, attention: Attention | None = None
    ) -> None:
        self._connector = connector
        self._limit = limit
        self._revision = revision.encode()
        self._room = Room(limit * ROOM, held)
        self._now = time.monotonic if attention is None else attention.now
        self._timeout: _Timeout = asyncio.timeout if attention is None else attention.timeout
        self._stale_seconds = STALE_SECONDS + (0 if attention is None else USUAL_SECONDS)
        self._idle: deque[Wire] = deque()
        self._count = 0
        self._paused_until = 0.0
        self._pause = 0.0
        self._is_trying = False
        self._is_closed = False

    async def send(
        self, content: tuple[bytes, ...], seconds: float, begin: Callable[[], None] = lambda: None
    ) -> CandidateAnswer:
        """The candidate's answer to a request.

        Args:
            content: the request's bytes, in parts.
            seconds: that it may take.
            begin: called when there is a connection, before the request goes out on it.

        Raises:
            Unreachable: it cannot be connected to, or it is not what answers.
            Busy: too many requests wait for it.
            BrokenOff: it gave no whole answer.
            TooLarge: its answer is.
            TimeoutError: it is late.
        """
        begun = self._now()
        if self._count >= MAX_WIRES:
            raise Busy
        wire = self._take_idle()
        if wire is not None:
            try:
                async with self._timeout(seconds):
                    begin()
                    return await self._ask(wire, content)
            except BrokenOff as error:
                if error.begun or self._now() - begun > self._stale_seconds:
                    raise
                # it was closed while it was idle, as any server may
        wire = await self._open((begun + seconds - self._now()) / 2)
        async with self._timeout(begun + seconds - self._now()):
            begin()
            return await self._ask(wire, content)

    def close(self) -> None:
        """Keep no connection from now on."""
        self._is_closed = True
        while self._idle:
            self._idle.popleft().close()

    def close_old(self) -> None:
        """End the idle connections that are too old."""
        for wire in [wire for wire in self._idle if not _is_young(wire)]:
            self._idle.remove(wire)
            wire.close()

    def _take_idle(self) -> Wire | None:
        while self._idle:
            wire = self._idle.popleft()  # the one that has been idle for longest: so all are used
            if wire.is_free and _is_young(wire):
                return wire
            wire.close()
        return None

    async def _ask(self, wire: Wire, content: tuple[bytes, ...]) -> CandidateAnswer:
        self._count += 1
        try:
            answer = await wire.ask(content)
        except NoRoom:
            raise Busy from None
        else:
            if answer.headers.get(REVISION_HEADER) != self._revision:
                wire.is_free = False
                raise Unreachable
            return answer
        finally:
            self._count -= 1
            if wire.is_free and not self._is_closed:
                self._idle.append(wire)
            else:
                wire.close()

    async def _open(self, seconds: float) -> Wire:
        """A new connection; while it is in doubt whether there is a way, only one at a time is tried."""
        if time.monotonic() < self._paused_until or (self._pause and self._is_trying):
            raise Unreachable
        self._count += 1
        self._is_trying = True
        limit = min(CONNECT_SECONDS, seconds)
        try:
            async with self._timeout(limit):
                connection = await self._connector.connect()
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: Wire(self._limit, self._room), sock=connection
            )
        except (OSError, TimeoutError) as error:
            self._pause_after(error, times=1 if isinstance(error, TimeoutError) and limit < SURE_SECONDS else 2)
            raise Unreachable from error
        finally:
            self._count -= 1
            self._is_trying = False
        if self._pause:
            self._pause = 0.0
            _LOGGER.info("the candidate can be connected to again")
        return wire

    def _pause_after(self, error: Exception, times: int) -> None:
        """Try no connection for a while, which is so many times longer than the last while."""
        if not self._pause:
            reason = str(error) or "no answer in time"
            _LOGGER.warning("the candidate cannot be connected to (%s), and this server answers its requests", reason)
        self._pause = min(max(PAUSE_SECONDS, self._pause * times), MAX_PAUSE_SECONDS)
        self._paused_until = time.monotonic() + self._pause


def _is_young(wire: Wire) -> bool:
    return time.monotonic() - wire.opened < MAX_AGE_SECONDS
