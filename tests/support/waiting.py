"""Wait on a condition with a deadline: the only way a test here lets time pass."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.5
BUSY_SECONDS = 120.0
"""Up to which a deadline grows on a busy machine."""


def eventually(check: Callable[[], T], *, deadline: float = 30.0, describe: Callable[[], object] | None = None) -> T:
    """The first truthy answer of `check`, asked every 0.1 s; an AssertionError in it counts as "not yet".

    What takes longer to ask, as a program does or a busy machine, is asked less often: it shall not keep from going on what it waits for.

    Args:
        check: what is asked; its last answer or error is named when the time is up.
        deadline: seconds until the condition counts as failed, on a machine at rest.
        describe: what to show of the world when it failed.

    Raises:
        AssertionError: the condition did not hold in time.
    """
    start = time.monotonic()
    while True:
        last: object
        begin = time.monotonic()
        try:
            answer = check()
            if answer:
                return answer
            last = answer
        except AssertionError as error:
            last = error
        waited = time.monotonic() - start
        if waited >= deadline and waited >= min(deadline * busyness(), BUSY_SECONDS):
            detail = f"; {describe()}" if describe else ""
            raise AssertionError(f"not true within {waited:.1f} s; last: {last}{detail}")
        time.sleep(min(max(POLL_SECONDS, 2 * (time.monotonic() - begin)), LONGEST_PAUSE_SECONDS))


def busyness() -> float:
    """How many times longer a second of work takes on this machine at present, since other programs want its processors too."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
