"""Predictions off the event loop: one worker thread, a bounded queue, a deadline; shared by every transport.

The event loop stays free for probes and for reading bodies while the model works. What waits longer than the deadline
is dropped before it reaches the model.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from modelway_server.dataplane import Body, DataPlane, Query
from modelway_server.errors import Overloaded, QueueFull, TooSlow
from modelway_server.lifecycle import Lifecycle

T = TypeVar("T")

MAX_WAITING = 256
"""Requests that may be read or wait for the model at a time."""
MAX_WAITING_BODIES = 8
"""Bytes that may wait, in multiples of the cap on one body."""
LARGE_BODY_BYTES = 256 * 1024
"""A body from which on reading it would hold up the event loop for milliseconds."""


class Deadline(NamedTuple):
    """When a request must be answered.

    Attributes:
        at: on the monotonic clock, in seconds.
        callers: whether the caller asked for it; else it is the server's own bound.
    """

    at: float
    callers: bool = False


class Predictor:
    """Answers queries with the model, one after the other.

    Args:
        plane: whose model it is.
        lifecycle: told when the model works, so that one that never comes back is found.
        timeout: seconds from a request's header to its answer.
        max_bytes: cap on one body.
    """

    def __init__(self, plane: DataPlane, lifecycle: Lifecycle, *, timeout: float, max_bytes: int) -> None:
        self._plane = plane
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predictor")
        self._lifecycle = lifecycle
        self._timeout = timeout
        self._max_bytes = max_bytes * MAX_WAITING_BODIES
        self._bytes = 0
        self.waiting = 0

    def deadline(self, started: float, timeout: float | None = None) -> Deadline:
        """The deadline of a request.

        Args:
            started: monotonic time of its header.
            timeout: seconds in which its caller wants the answer, or None; one longer than the server's own has no effect.
        """
        if timeout is None or timeout >= self._timeout:
            return Deadline(started + self._timeout)
        return Deadline(started + timeout, callers=True)

    def admit(self, size: int) -> None:
        """Make room for a request of `size` bytes; `release` gives it back.

        Raises:
            QueueFull: there is none.
        """
        if self.waiting >= MAX_WAITING or (self._bytes and self._bytes + size > self._max_bytes):
            raise QueueFull("too many requests wait for the model; try again, or add replicas")
        self.waiting += 1
        self._bytes += size

    def release(self, size: int) -> None:
        """A request that was admitted is answered."""
        self.waiting -= 1
        self._bytes -= size

    async def read(self, reader: Callable[[bytes], Query], body: bytes) -> Query:
        """The query in a body, read where it holds nobody up.

        Args:
            reader: a `read_*` method of the data plane.
            body: of the request.

        Raises:
            InputError: the request is at fault; the field is named.
        """
        if len(body) < LARGE_BODY_BYTES:
            return reader(body)
        return await asyncio.wrap_future(self._executor.submit(reader, body))

    async def run(self, query: Query, deadline: Deadline) -> Body:
        """The answer to a query.

        Raises:
            InvalidInput: the model refuses the rows.
            PredictionFailed: the model is at fault.
            Overloaded: its turn did not come in time.
            TooSlow: its deadline passed.
        """
        job = self._executor.submit(self._timed, query)
        try:
            async with asyncio.timeout(deadline.at - time.monotonic()):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            raise self._late(deadline, tried=not job.cancelled()) from error

    async def warm_up(self, work: Callable[[], T]) -> T:
        """The result of `work()`, in the model's thread and without a deadline."""
        return await asyncio.wrap_future(self._executor.submit(work))

    def close(self) -> None:
        """Take no more calls; do not wait for the one that runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _late(self, deadline: Deadline, *, tried: bool) -> Overloaded | TooSlow:
        if deadline.callers:
            return TooSlow("there was no answer within the timeout that the request asks for")
        if tried:
            return TooSlow(
                f"the model took longer than {self._timeout:g} s; send fewer rows, or raise runtime.limits.requestTimeoutSeconds"
            )
        return Overloaded(f"the model was busy for {self._timeout:g} s; try again, or add replicas")

    def _timed(self, query: Query) -> Body:
        self._lifecycle.begin_prediction()
        try:
            return self._plane.answer(query)
        finally:
            self._lifecycle.end_prediction()
