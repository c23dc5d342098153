"""A timer for the earliest of several deadlines: it is set anew only for an earlier one than it waits for, since timers cost."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls a function once the earliest deadline that was set has passed.

    Args:
        ring: called in the event loop; it may set the alarm again.
        loop: that calls it; the one that runs when the alarm is set by default.
    """

    def __init__(self, ring: Callable[[], None], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._ring = ring
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._at = float("inf")

    def set(self, deadline: float) -> None:
        """Ring at this time on the monotonic clock, unless the alarm rings earlier."""
        if deadline >= self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = deadline
        loop = self._loop or asyncio.get_running_loop()
        self._timer = loop.call_later(max(deadline - time.monotonic(), 0.0), self._due)

    def cancel(self) -> None:
        """Ring no more, until the alarm is set again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._at = None, float("inf")

    def _due(self) -> None:
        self._timer, self._at = None, float("inf")
        self._ring()
