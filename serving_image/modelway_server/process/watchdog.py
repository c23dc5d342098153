"""End a process whose model does not load in time, whatever it is stuck in.

There are three clocks, each for what the one before cannot end. A Python thread reports LoadTimeout in full. Native code
that holds the interpreter lets no Python run: faulthandler then logs the stack, and a timer of the C library ends the
process with the exit code of LoadTimeout. All of them come before the startup probe of the kubelet.
"""

import ctypes
import faulthandler
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from modelway_server.errors import LoadTimeout
from modelway_server.process.exit_report import report_failure

TRACE_SECONDS = 3
"""So long after the deadline the stack is logged, if the report could not be written."""

HARD_SECONDS = 4
"""So long after the deadline the process is ended without Python."""

_SIGEV_THREAD = 2
_LOGGER = logging.getLogger(__name__)


class _Value(ctypes.Union):
    """`union sigval`."""

    _fields_ = (("number", ctypes.c_int), ("pointer", ctypes.c_void_p))


class _Event(ctypes.Structure):
    """`struct sigevent` of Linux with 64 bits, 64 bytes: what a timer does when it rings."""

    _fields_ = (
        ("value", _Value),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("padding", ctypes.c_char * 32),
    )


class _Setting(ctypes.Structure):
    """`struct itimerspec`: the period, then the time until it first rings."""

    _fields_ = (
        ("period", ctypes.c_long),
        ("period_nanoseconds", ctypes.c_long),
        ("seconds", ctypes.c_long),
        ("nanoseconds", ctypes.c_long),
    )


@contextmanager
def watchdog(deadline: float, *, allowed: float) -> Iterator[None]:
    """End the process with LoadTimeout unless the block ends before the deadline.

    Args:
        deadline: on the monotonic clock, in seconds.
        allowed: seconds from the start of the process to the deadline, for the report.
    """
    seconds = max(deadline - time.monotonic(), 0.001)
    timer = threading.Timer(seconds, _end_late, [allowed])
    timer.daemon = True
    timer.start()
    # Elsewhere than on Linux with 64 bits faulthandler ends the process too, with exit code 1.
    exact = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8
    faulthandler.dump_traceback_later(seconds + TRACE_SECONDS, exit=not exact)
    try:
        with _exit_timer(seconds + HARD_SECONDS) if exact else nullcontext():
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()
        timer.cancel()
        timer.join()


def _end_late(allowed: float) -> None:
    os._exit(report_failure(LoadTimeout(f"the model was not loaded and warmed up within {allowed:g} s")))


@contextmanager
def _exit_timer(seconds: float) -> Iterator[None]:
    """Call `_exit` of the C library in so many seconds, without the interpreter, unless the block ends before."""
    library = ctypes.CDLL(None, use_errno=True)
    event = _Event(_Value(number=LoadTimeout.exit_code), 0, _SIGEV_THREAD)
    event.function = ctypes.cast(library._exit, ctypes.c_void_p)  # noqa: SLF001 -- the C library calls it so
    identity = ctypes.c_void_p()
    if library.timer_create(time.CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(identity)):
        _LOGGER.warning("no timer of the C library: %s", os.strerror(ctypes.get_errno()))
        yield
        return
    whole = int(seconds)
    setting = _Setting(0, 0, whole, int((seconds - whole) * 1e9))
    library.timer_settime(identity, 0, ctypes.byref(setting), None)
    try:
        yield
    finally:
        library.timer_delete(identity)
