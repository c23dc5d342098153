"""Processes that a child leaves behind, by a second fork or in a session of their own: adopted, found and ended (Linux).

An orphan goes to the nearest forefather that asked for it. So all that a child ever started is below this process when
the child has ended, whatever it did to hide.
"""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

END_SECONDS = 5.0
"""Time to end a fork bomb; each round kills all its present processes."""
_ROUND_SECONDS = 0.005
_PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 36, 37
_LOGGER = logging.getLogger(__name__)


@contextmanager
def end_orphans(seconds: float = END_SECONDS) -> Iterator[None]:
    """End the processes that children started in the block leave behind, when the block ends.

    Children that this process had before are left alone, so blocks may be nested. Where the kernel adopts nothing (other systems than Linux),
    nothing is done.

    Args:
        seconds: that ending them may take; what is left then is logged.
    """
    before = _children(os.getpid(), _parents())
    adopted = _adopt(adopting=True)
    try:
        yield
    finally:
        left = _end_all(before, time.monotonic() + seconds)
        _adopt(adopting=adopted)
        if left:
            _LOGGER.error("%d processes that the model started could not be ended", len(left))


def _end_all(spared: set[int], deadline: float) -> set[int]:
    """The processes that still run at the deadline."""
    while strangers := _descendants(os.getpid(), _parents(), spared):
        for pid in strangers:
            with suppress(OSError):  # it has ended, or has become another user's
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):  # a grandchild, which is ours as soon as its parent has ended
                os.waitpid(pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return strangers
        time.sleep(_ROUND_SECONDS)
    return set()


def _descendants(root: int, parents: dict[int, int], spared: set[int]) -> set[int]:
    descendants: set[int] = set()
    new = _children(root, parents) - spared
    while new:
        descendants |= new
        new = {child for pid in new for child in _children(pid, parents)} - descendants
    return descendants


def _children(pid: int, parents: dict[int, int]) -> set[int]:
    return {child for child, parent in parents.items() if parent == pid}


def _parents() -> dict[int, int]:
    """The parent of each visible process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):  # it has just ended
            # the name before the last parenthesis may hold anything
            parents[int(stat.parent.name)] = int(stat.read_bytes().rpartition(b")")[2].split()[1])
    return parents


def _adopt(*, adopting: bool) -> bool:
    """Adopt orphans, or do not; whether this process did before."""
    before = ctypes.c_int()
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None, use_errno=True)
        library.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0)
        library.prctl(_PR_SET_CHILD_SUBREAPER, int(adopting), 0, 0, 0)
    return bool(before.value)
