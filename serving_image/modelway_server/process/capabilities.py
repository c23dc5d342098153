"""Capabilities of a process that root started: all are given up but those that its files and ports may need.

A pod under Pod Security's level `restricted` has none. Source: capabilities(7) and capget(2).
"""

import ctypes
from typing import Final

_KEPT: Final = (1 << 1) | (1 << 2) | (1 << 10)
"""DAC_OVERRIDE and DAC_READ_SEARCH, for a model that is another user's file; NET_BIND_SERVICE."""
_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    """`struct __user_cap_header_struct`."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """`struct __user_cap_data_struct`: half of each set."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def give_up_capabilities() -> None:
    """Keep only the capabilities that this thread needs; with PERFMON or SYS_ADMIN, Landlock would hide no process.

    Where the system has none, there is nothing to give up.
    """
    library = ctypes.CDLL(None, use_errno=True)
    header, sets = _Header(_VERSION_3, 0), (_Sets * 2)()
    if not hasattr(library, "capget") or library.capget(ctypes.byref(header), sets):
        return
    for half, mask in zip(sets, (_KEPT, 0), strict=True):
        half.effective &= mask
        half.permitted &= mask
        half.inheritable = 0
    library.capset(ctypes.byref(header), sets)
