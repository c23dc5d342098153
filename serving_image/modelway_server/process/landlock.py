"""Landlock: the files, folders and TCP ports that this thread and all that it starts may use (Linux 5.13 and later).

A restriction lasts for ever, and a later one can only narrow it. It does not hold threads that run already.
Source: the kernel's documentation, "Landlock: unprivileged access control", and landlock.h.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION = 1
_PATH_BENEATH, _NET_PORT = 1, 2
_PR_SET_NO_NEW_PRIVS = 38
_SCOPES = 0b11
"""Abstract sockets and signals of processes outside, from version 6 on."""
_BIND, _CONNECT = 1, 2
_NETWORK_SINCE, _SCOPES_SINCE = 4, 6
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REG, _MAKE_SYM, _REFER, _TRUNCATE, _DEVICES = 1 << 7, 1 << 8, 1 << 12, 1 << 13, 1 << 14, 1 << 15
_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights that a version knows, by the first version that knows them."""
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _DEVICES
_READING = _READ_FILE | _READ_DIR
_WRITING = (
    _READING | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER | _TRUNCATE
) | _DEVICES


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Path(ctypes.Structure):
    """`struct landlock_path_beneath_attr`."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("descriptor", ctypes.c_int32))


class _Port(ctypes.Structure):
    """`struct landlock_net_port_attr`."""

    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def version() -> int:
    """The version of the interface that this kernel has.

    Raises:
        OSError: it has none, or does not let this process use it.
    """
    return _call(_CREATE_RULESET, None, 0, _VERSION)


def restrict_files(read: Iterable[Path], write: Iterable[Path]) -> None:
    """Leave this thread some files and folders, with all below them; a path that does not exist is skipped.

    Nothing may be executed, these files included. Processes outside can neither be traced nor, from version 6 on, signalled.

    Args:
        read: what may be read.
        write: what may be read and written.

    Raises:
        OSError: the kernel cannot, or does not let this process; nothing is restricted then.
    """
    number = version()
    rights = _RIGHTS[max(known for known in _RIGHTS if known <= number)]
    ruleset = _ruleset(_Ruleset(rights, 0, _SCOPES if number >= _SCOPES_SINCE else 0))
    try:
        for paths, allowed in ((read, _READING), (write, _WRITING)):
            for path in paths:
                _allow(ruleset, path, allowed & rights)
        _restrict(ruleset)
    finally:
        os.close(ruleset)


def restrict_ports(bind: Iterable[int], connect: Iterable[int]) -> None:
    """Leave this thread some TCP ports to bind, and some to connect to.

    Raises:
        OSError: the kernel cannot (before Linux 6.7), or does not let this process.
    """
    if version() < _NETWORK_SINCE:
        raise OSError(0, "this kernel's Landlock knows no ports")
    ruleset = _ruleset(_Ruleset(0, _BIND | _CONNECT, 0))
    try:
        for ports, right in ((bind, _BIND), (connect, _CONNECT)):
            for port in ports:
                _call(_ADD_RULE, ruleset, _NET_PORT, ctypes.byref(_Port(right, port)), 0)
        _restrict(ruleset)
    finally:
        os.close(ruleset)


def _ruleset(attributes: _Ruleset) -> int:
    return _call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        rule = _Path(rights if folder else rights & _OF_FILES, descriptor)
        _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)


def _restrict(ruleset: int) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    _call(_RESTRICT_SELF, ruleset, 0)


def _call(number: int, *arguments: object) -> int:
    """A system call that the C library has no function for."""
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = int(function(ctypes.c_long(number), *words))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
