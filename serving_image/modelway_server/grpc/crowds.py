"""Calls that wait for their clients: for a message, or in a stream that stays open.

Such a call costs its client nothing, so there may be many. No other call ever waits for one of them: where there are too
many, the oldest on the connection that has most of them ends. A client that opens hundreds ends its own.
"""

import asyncio
import time
from collections.abc import Collection
from types import TracebackType
from typing import Any, Final, Self

import grpc

from modelway_server.errors import ModelwayServerError, QueueFull

MESSAGE_SECONDS: Final = 10.0
"""A client must send its whole message within this time."""
SLOW_SECONDS: Final = 2.0
"""A message that takes longer is a slow one."""
MAX_SLOW: Final = 16
"""Slow messages at a time: each may hold as many bytes as the cap on one."""
MAX_UNREAD: Final = 256
"""Calls at a time whose message has not arrived."""
CHECK_SECONDS: Final = 0.25
"""How often these calls are checked."""

Context = grpc.aio.ServicerContext[Any, Any]


class MessageTooSlow(ModelwayServerError):
    """The message of a call does not arrive."""


class Crowd:
    """The calls that wait in one way.

    Args:
        most: at a time.
        waiting: what they do, for the one that must end.
    """

    def __init__(self, most: int, waiting: str) -> None:
        self._most = most
        self._waiting = waiting
        self._places: dict[Place, None] = {}  # the oldest first

    def place(self, context: Context, awaited: str) -> "Place":
        """A place for a call while it waits, to be entered by `with`.

        Args:
            context: of the call.
            awaited: what it waits for, for its error.

        Raises:
            QueueFull: when it is left; the call had to end.
        """
        return Place(self, context, awaited)

    def enter(self, place: "Place") -> None:
        """Take one call in, and end another where there are too many."""
        self._places[place] = None
        if len(self._places) > self._most:
            self._end_one_of(self._places)

    def leave(self, place: "Place") -> None:
        """Let one call go, unless it has gone already."""
        self._places.pop(place, None)

    def _end(self, place: "Place", refusal: ModelwayServerError) -> None:
        del self._places[place]
        place.refuse(refusal)

    def _end_one_of(self, places: Collection["Place"]) -> None:
        by_peer: dict[str, list[Place]] = {}
        for place in places:
            by_peer.setdefault(place.peer, []).append(place)
        oldest = max(by_peer.values(), key=len)[0]
        message = f"{len(places)} calls {self._waiting}, more than there may be, and this connection has most of them; try again"
        self._end(oldest, QueueFull(message))


class Unread(Crowd):
    """The calls whose message has not arrived. Each ends in time, and those that are slow are few."""

    def __init__(self) -> None:
        super().__init__(MAX_UNREAD, "wait for their message")
        self._check_timer: asyncio.TimerHandle | None = None

    async def read(self, context: Context, awaited: str) -> bytes | None:
        """The next message of a call; None where its client sends none, or one that is too large.

        Raises:
            MessageTooSlow: it did not arrive in time.
            QueueFull: it had not arrived when too many such calls were there.
        """
        with self.place(context, awaited):
            message = await context.read()
        return message if isinstance(message, bytes) else None

    def enter(self, place: "Place") -> None:
        """Take one call in, and see to it that it ends in time."""
        super().enter(place)
        if self._check_timer is None:
            self._check_timer = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check)

    def _check(self) -> None:
        now = time.monotonic()
        for place in [place for place in self._places if now - place.since >= MESSAGE_SECONDS]:
            message = f"{place.awaited} did not arrive within {MESSAGE_SECONDS:g} s; send it as soon as the call begins"
            self._end(place, MessageTooSlow(message))
        while len(slow := [place for place in self._places if now - place.since >= SLOW_SECONDS]) > MAX_SLOW:
            self._end_one_of(slow)
        again = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check) if self._places else None
        self._check_timer = again


class Place:
    """One call in a crowd, which may have to end there.

    Attributes:
        awaited: what it waits for.
        since: when it came, on the monotonic clock.
    """

    __slots__ = ("_context", "_crowd", "_peer", "_refusal", "_task", "awaited", "since")

    def __init__(self, crowd: Crowd, context: Context, awaited: str) -> None:
        self._crowd = crowd
        self._context = context
        self._peer: str | None = None
        self._refusal: ModelwayServerError | None = None
        self._task: asyncio.Task[Any] | None = asyncio.current_task()
        self.awaited = awaited
        self.since = time.monotonic()

    @property
    def peer(self) -> str:
        """The connection that it came by; asked for only where one must end, since the answer costs."""
        if self._peer is None:
            self._peer = self._context.peer()
        return self._peer

    def refuse(self, refusal: ModelwayServerError) -> None:
        """Give the call this error instead of what it waits for."""
        self._refusal = refusal
        if self._task is not None:
            self._task.cancel()

    def __enter__(self) -> Self:
        self._crowd.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._crowd.leave(self)
        if self._refusal is not None and kind is asyncio.CancelledError:
            if self._task is not None:
                self._task.uncancel()
            raise self._refusal from None
