"""Arrays between pages that nobody may touch: to read or write beside one ends the process."""

import ctypes
import mmap
from typing import Any

import numpy as np

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_PAGE = mmap.PAGESIZE
_NO_ACCESS = 0


def fence(array: Any, *, at_end: bool) -> Any:
    """A copy of an array in pages of its own.

    Args:
        array: without objects; its order is kept.
        at_end: its last byte is before the fence, so that reading on is caught; else its first is behind one, so that
            reading backwards is.

    Raises:
        OSError: the fence cannot be put up.
    """
    array = np.asarray(array)
    size = array.nbytes
    pages = max(1, -(-size // _PAGE))
    region = mmap.mmap(-1, (pages + 2) * _PAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for page in (address, address + (pages + 1) * _PAGE):
        if _LIBC.mprotect(page, _PAGE, _NO_ACCESS):
            raise OSError(ctypes.get_errno(), "mprotect")
    start = (pages + 1) * _PAGE - size if at_end else _PAGE
    order: Any = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    copy = np.ndarray(array.shape, array.dtype, buffer=region, offset=start, order=order)
    copy[...] = array
    return copy
