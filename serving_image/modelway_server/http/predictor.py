"""Predictions off the event loop: one worker thread, a bounded queue, a deadline.

The event loop stays free for probes and for reading bodies while the model works. What waits longer than the deadline
is dropped before it reaches the model.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from modelway_server.lifecycle import Lifecycle

T = TypeVar("T")

MAX_WAITING = 256
"""Requests that may be read or wait for the model at a time."""
MAX_WAITING_BODIES = 8
"""Bytes that may wait, in multiples of the cap on one body."""


class Overloaded(Exception):
    """The request was not tried: too many wait, or its deadline passed before its turn."""


class TooSlow(Exception):
    """The model was still at work when the request's deadline passed."""


class Predictor:
    """Runs calls of the model one after the other, in a thread of its own.

    Args:
        lifecycle: told when the model works, so that one that never comes back is found.
        timeout: seconds from a request's header to its answer.
        max_bytes: cap on one body.
    """

    def __init__(self, lifecycle: Lifecycle, *, timeout: float, max_bytes: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="predictor")
        self._lifecycle = lifecycle
        self._timeout = timeout
        self._max_bytes = max_bytes * MAX_WAITING_BODIES
        self._bytes = 0
        self.waiting = 0

    def admit(self, size: int) -> None:
        """Make room for a request of `size` bytes; `release` gives it back.

        Raises:
            Overloaded: there is none.
        """
        if self.waiting >= MAX_WAITING or (self._bytes and self._bytes + size > self._max_bytes):
            raise Overloaded("too many requests wait for the model; try again, or add replicas")
        self.waiting += 1
        self._bytes += size

    def release(self, size: int) -> None:
        """A request that was admitted is answered."""
        self.waiting -= 1
        self._bytes -= size

    async def run(self, work: Callable[[bytes], T], body: bytes, started: float) -> T:
        """The result of `work(body)`.

        Args:
            work: called in the model's thread.
            body: its argument.
            started: monotonic time of the request's header.

        Raises:
            Overloaded: its turn did not come in time.
            TooSlow: it did not end in time.
        """
        job = self._executor.submit(self._timed, work, body)
        try:
            async with asyncio.timeout(started + self._timeout - time.monotonic()):
                return await asyncio.wrap_future(job)
        except TimeoutError as error:
            if job.cancelled():
                raise Overloaded(f"the model was busy for {self._timeout:g} s; try again, or add replicas") from error
            raise TooSlow(
                f"the model took longer than {self._timeout:g} s; send fewer rows, or raise runtime.limits.requestTimeoutSeconds"
            ) from error

    async def warm_up(self, work: Callable[[], T]) -> T:
        """The result of `work()`, in the model's thread and without a deadline."""
        return await asyncio.wrap_future(self._executor.submit(work))

    def close(self) -> None:
        """Take no more calls; do not wait for the one that runs."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _timed(self, work: Callable[[bytes], T], body: bytes) -> T:
        self._lifecycle.begin_prediction()
        try:
            return work(body)
        finally:
            self._lifecycle.end_prediction()
