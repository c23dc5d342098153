"""Interrupt a block of Python code that takes too long."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class TooLate(Exception):
    """The block took longer than it may."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TooLate in the block when it takes longer, at the next instruction of Python. Use it in the main thread only.

    Afterwards a timer that was set before runs on with its remaining time.
    """

    def ring(_: int, __: FrameType | None) -> None:
        raise TooLate(f"it took longer than {seconds:g} s")

    start = time.monotonic()
    former_handler = signal.signal(signal.SIGALRM, ring)
    left, period = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former_handler)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - start), 0.001), period)
