"""A watchdog in the kernel: it ends the process at a set time, whatever the process is doing or not doing then.

Between a look at the clock and the write that follows there is always a moment, and a process may be stopped in it: by SIGSTOP, by a frozen
container, by a starved machine. The kernel delivers an alarm that came due meanwhile before it lets the process go on.
"""

import ctypes
import signal
from typing import Protocol

EXIT_CODE = int(signal.SIGALRM)
"""How a process ends whose watchdog fired."""


class Watchdog(Protocol):
    """What ends the process unless it is set anew or removed in time."""

    def set(self, seconds: float) -> None:
        """End the process in so many seconds; replaces what was set before."""

    def remove(self) -> None:
        """End nothing."""


class KernelWatchdog:
    """The watchdog of this process; there is one.

    Raises:
        OSError: the system does not let it be installed.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        library.signal.restype = ctypes.c_void_p
        library.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)
        # A handler of Python's would run only once the interpreter comes to it, and without a handler the first process of a container is
        # spared. `_exit` is a handler that ends the process at once, with the number of the signal as its exit code.
        if library.signal(signal.SIGALRM, ctypes.cast(library["_exit"], ctypes.c_void_p)) == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "the watchdog was not installed")

    def set(self, seconds: float) -> None:
        """End the process in so many seconds; replaces what was set before."""
        signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))

    def remove(self) -> None:
        """End nothing."""
        signal.setitimer(signal.ITIMER_REAL, 0)
