"""A timer for the earliest deadline of the requests that wait or are in the model."""

import asyncio
import time
from collections.abc import Callable


class Alarm:
    """Calls a function once the earliest deadline that was set has passed.

    Args:
        ring: called in the event loop; it may set the alarm again.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None
        self._at = float("inf")

    def set(self, deadline: float) -> None:
        """Ring at this time on the monotonic clock, unless the alarm rings earlier."""
        if deadline >= self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = deadline
        self._timer = asyncio.get_running_loop().call_later(max(deadline - time.monotonic(), 0.0), self._due)

    def _due(self) -> None:
        self._timer, self._at = None, float("inf")
        self._ring()
