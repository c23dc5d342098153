"""Whether a trial with copies had copies: without them it would measure a server that has nothing to do."""

import time
from collections.abc import Callable

from bench.errors import BenchError

LEAST_SHARE = 0.9
LAST_SECONDS = 10.0
"""The longest that the last copies are waited for."""
REST_SECONDS = 1.0
"""Copies that are not judged by so long after the one before are no more to come."""
POLL_SECONDS = 0.05


def require_judged(judged: Callable[[], float], due: int) -> float:
    """The share of copies that were judged, once no more of them come.

    Args:
        judged: how many there are so far.
        due: how many there were to be.

    Raises:
        BenchError: they are too few.
    """
    begin = last = time.monotonic()
    number = judged()
    while number < due and time.monotonic() - last < REST_SECONDS and time.monotonic() - begin < LAST_SECONDS:
        time.sleep(POLL_SECONDS)
        before, number = number, judged()
        last = time.monotonic() if number > before else last
    if number < LEAST_SHARE * due:
        raise BenchError(f"{number:.0f} of {due} copies were judged, which is less than {LEAST_SHARE:.0%}")
    return number / due
