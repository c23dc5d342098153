"""Seccomp: system calls that the kernel refuses to all threads of this process, and all that they start, with EPERM.

The filter lists what is refused, since numeric libraries use calls that no list foresees. The kernel remembers which
calls are allowed without conditions, so that those cost nothing.
Source: seccomp(2); the kernel's tables of system calls for x86_64 and aarch64.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_OTHER_ABI = 0x40000000
"""Numbers from here on are those of x32, which no program of ours uses."""
_UNKNOWN = 470
"""Numbers from here on are of later kernels than the list below, which says nothing of them: they are not there."""
_REFUSED: Final = {
    # programs
    "execve": (59, 221), "execveat": (322, 281),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "kcmp": (312, 272),
    "process_mrelease": (448, 448), "tkill": (200, 130),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semctl": (66, 191),
    "semop": (65, 193), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188),
    "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # ways around this filter, and into the kernel
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "syslog": (103, 116), "personality": (135, 92),
    "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None), "lookup_dcookie": (212, 18),
    # name spaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41), "mount": (165, 40),
    "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    # files beside what Landlock looks at
    "truncate": (76, 45), "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "mknod": (133, None),
    "mknodat": (259, 33), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466),
    "file_setattr": (469, 469), "utime": (132, None), "utimes": (235, None), "futimesat": (261, None),
    "utimensat": (280, 88), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "quotactl": (179, 60),
    "quotactl_fd": (443, 443), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225),
    # the machine
    "reboot": (169, 142), "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170),
    "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171), "vhangup": (153, 58),
}  # fmt: skip
"""What no model needs: the numbers on x86_64 and on aarch64."""
_FORKS: Final = {"fork": (57, None), "vfork": (58, None)}
_CLONE, _CLONE3 = (56, 220), 435
_SOCKET, _SOCKET_PAIR, _CONNECT, _BIND = (41, 198), (53, 199), (42, 203), (49, 200)
_SENDTO, _SENDMSG, _SENDMMSG = (44, 206), (46, 211), (307, 269)
_IOCTL, _LIMITS = (16, 29), (302, 261)
_SIGNALS: Final = ((62, 129), (234, 131), (129, 138), (297, 240))
"""kill, tgkill, rt_sigqueueinfo and rt_tgsigqueueinfo, whose first argument is the process that is meant."""
_CLONE_THREAD, _CLONE_NAME_SPACES = 0x10000, 0x7E020000
_AF_INET, _AF_INET6, _STREAM, _DATAGRAM, _PACKETS, _KINDS = 2, 10, 1, 2, 5, 0xF
_PROTOCOLS: Final = (0, 6, 17)
"""TCP and UDP. Landlock knows no ports of others, as MPTCP's."""
_CONNECT_AND_SEND = 0x20000000
"""MSG_FASTOPEN: a connection that no `connect` opens."""
_TYPE_FOR_USER: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: what is typed into the terminal that a server was started from, run by its shell later."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND, _THIRD, _FOURTH = 0, 4, 16, 24, 32, 40
"""Places in `struct seccomp_data`; of an argument the lower half."""
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_EPERM, _ENOSYS = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
_SET_FILTER, _ALL_THREADS, _KEEP_SPEED = 1, 1, 4
_PR_SET_NO_NEW_PRIVS = 38

Instruction = tuple[int, int, int, int]
"""Code, jump if true, jump if false, operand: `struct sock_filter`."""


@dataclass(frozen=True)
class Calls:
    """Calls that stay allowed.

    Attributes:
        forks: whether other processes may be started (never other programs).
        binds: whether TCP sockets may be made and bound.
        connects: whether TCP sockets may be made and connected, and UDP sockets for looking names up.
    """

    forks: bool = False
    binds: bool = False
    connects: bool = False


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def restrict(calls: Calls) -> None:
    """Refuse all threads of this process the calls that a model does not need.

    Raises:
        OSError: the kernel cannot, or does not let this process; nothing is refused then.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine not in _ARCHITECTURES or sys.byteorder != "little":
        raise OSError(0, f"there is no filter for {sys.platform} on {machine}")
    content = b"".join(struct.pack("=HBBI", *each) for each in program(calls, machine, os.getpid()))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    filter_ = _Program(len(content) // 8, content)
    library.syscall.restype = ctypes.c_long
    for flags in (_ALL_THREADS | _KEEP_SPEED, _ALL_THREADS):
        result = library.syscall(
            ctypes.c_long(_SECCOMP[machine]), ctypes.c_long(_SET_FILTER), ctypes.c_long(flags), ctypes.byref(filter_)
        )
        if result == 0:
            return
    code = ctypes.get_errno() or errno.EBUSY
    raise OSError(code, os.strerror(code))


def program(calls: Calls, machine: str, own: int) -> list[Instruction]:
    """The filter: instructions of the kernel's classic BPF.

    Args:
        calls: what is left.
        machine: the processor's architecture.
        own: number of this process, the only one that it may send signals to, unless it may start others.
    """
    column = 0 if machine == "x86_64" else 1
    refused = [*_REFUSED.values(), *([] if calls.forks else _FORKS.values())]
    refused += [numbers for numbers, left in ((_CONNECT, calls.connects), (_BIND, calls.binds)) if not left]
    conditions = [
        (_CLONE, _clone(forks=calls.forks)),
        (_SOCKET, _socket(calls)),
        (
            _SOCKET_PAIR,  # datagrams can be sent to any address
            [*_among(_SECOND, [_STREAM, _PACKETS], mask=_KINDS), _answer(_ALLOW)],
        ),
        (_LIMITS, [*_among(_FIRST, [0]), _answer(_ALLOW)]),
        (
            _IOCTL,
            [
                (_LOAD, 0, 0, _SECOND),
                *(step for each in _TYPE_FOR_USER for step in _refuse(each, _EPERM)),
                _answer(_ALLOW),
            ],
        ),
    ]
    if calls.binds or calls.connects:
        places = ((_SENDTO, _FOURTH), (_SENDMSG, _THIRD), (_SENDMMSG, _FOURTH))
        conditions += [(numbers, _without(place, _CONNECT_AND_SEND)) for numbers, place in places]
    if not calls.forks:
        conditions += [(numbers, [*_among(_FIRST, [own]), _answer(_ALLOW)]) for numbers in _SIGNALS]
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _answer(_EPERM),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _OTHER_ABI),
        _answer(_EPERM),
        (_AT_LEAST, 0, 1, _UNKNOWN),
        _answer(_ENOSYS),
        *(step for numbers in refused for step in _refuse(numbers[column], _EPERM)),
        *_refuse(_CLONE3, _ENOSYS),  # its flags cannot be seen from here; the C library then calls clone
        *(step for numbers, steps in conditions for step in _when(numbers[column], steps)),
        _answer(_ALLOW),
    ]


def _answer(value: int) -> Instruction:
    return (_RETURN, 0, 0, value)


def _refuse(number: int | None, value: int) -> Iterator[Instruction]:
    """An answer where what was loaded is a number."""
    if number is not None:
        yield (_EQUAL, 0, 1, number)
        yield _answer(value)


def _when(number: int, steps: Iterable[Instruction]) -> list[Instruction]:
    """Steps for one call alone, the last of which answers."""
    steps = list(steps)
    return [(_EQUAL, 0, len(steps), number), *steps]


def _among(place: int, values: Sequence[int], mask: int = 0xFFFFFFFF) -> list[Instruction]:
    """Refuse an argument that is none of some values."""
    compared = [(_EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return [(_LOAD, 0, 0, place), (_AND, 0, 0, mask), *compared, _answer(_EPERM)]


def _without(place: int, flags: int) -> list[Instruction]:
    """Refuse an argument that has one of some bits; allow all else."""
    return [(_LOAD, 0, 0, place), (_ANY_BIT, 0, 1, flags), _answer(_EPERM), _answer(_ALLOW)]


def _clone(*, forks: bool) -> list[Instruction]:
    if forks:
        return _without(_FIRST, _CLONE_NAME_SPACES)
    return [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 1, 0, _CLONE_THREAD), _answer(_EPERM), _answer(_ALLOW)]


def _socket(calls: Calls) -> list[Instruction]:
    if not (calls.binds or calls.connects):
        return [_answer(_EPERM)]
    kinds = [_STREAM, _DATAGRAM] if calls.connects else [_STREAM]
    return [
        *_among(_FIRST, [_AF_INET, _AF_INET6]),
        *_among(_SECOND, kinds, mask=_KINDS),
        *_among(_THIRD, _PROTOCOLS),
        _answer(_ALLOW),
    ]
