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
    """Raise TooLate in the block when it takes longer; in the main thread, at the next instruction of Python.

    A timer that was set before is set again, by what is left of it.
    """

    def ring(_: int, __: FrameType | None) -> None:
        raise TooLate(f"it took longer than {seconds:g} s")

    begun = time.monotonic()
    former = signal.signal(signal.SIGALRM, ring)
    left, period = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 0.001), period)
