"""What a Python process finds around it, as JSON on standard output; the exit code is the first argument.

It runs in containers, as `python -P -m support.cluster.world CODE`.
"""

import ctypes
import faulthandler
import json
import locale
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import uuid
import warnings
from pathlib import Path
from typing import Any

PR_GET_PDEATHSIG, PR_GET_DUMPABLE = 2, 3
STATUS = (
    "SigBlk",
    "SigCgt",
    "SigIgn",
    "SigPnd",
    "Shd",
    "Cap",
    "NoNewPrivs",
    "Uid",
    "Gid",
    "Groups",
    "NSpid",
    "NSsid",
    "Umask",
    "Threads",
    "Seccomp",
    "Name",
)
"""SigQ is left out: it counts the signals of all processes of the user."""
SIGNALS_OF_LIBC = 0b11 << 31
"""32 and 33: the C library catches them from the first thread on, which some imports begin on some processors."""
LIMITS = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


def world() -> dict[str, Any]:
    """What a command can tell about how it was started."""
    return {
        "argv": sys.argv,
        "whole command": [sys.orig_argv, Path("/proc/self/cmdline").read_text().rstrip("\0")],
        "environment": dict(os.environ),
        "environment of C": _getenv("HOSTNAME"),
        "place": [os.getcwd(), os.uname().nodename],  # noqa: PTH109 - a plain word
        "ids": [os.getpid(), os.getppid(), os.getsid(0), os.getpgid(0)],
        "descriptors": {name: _kind(name) for name in os.listdir("/proc/self/fd")},  # noqa: PTH208 - names are numbers
        "status": _status(),
        "signals": {number.name: str(signal.getsignal(number)).partition(" at ")[0] for number in signal.Signals},
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in LIMITS},
        "mounts": [" ".join(line.split()[4:6]) for line in Path("/proc/self/mountinfo").read_text().splitlines()],
        "cgroup": Path("/proc/self/cgroup").read_text(),
        "oom": Path("/proc/self/oom_score_adj").read_text(),
        "kernel": [_prctl(PR_GET_DUMPABLE), _signal_of_parents_death()],
        "python": [sys.executable, sys.path, str(sys.flags), sys.getrecursionlimit(), sys.getswitchinterval()],
        "main": [__name__, __file__, sys.modules["__main__"].__dict__ is globals(), str(__spec__.name)],
        "streams": [[s.encoding, s.errors, s.line_buffering, s.isatty()] for s in (sys.stdin, sys.stdout, sys.stderr)],
        "locale": [locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding(), tempfile.gettempdir()],
        "threads": [thread.name for thread in threading.enumerate()],
        "parent": str(multiprocessing.parent_process()),
        "hooks": [faulthandler.is_enabled(), sys.gettrace(), signal.getitimer(signal.ITIMER_REAL), warnings.defaultaction],  # type: ignore[attr-defined]
        "sandbox": sorted(name for name in sys.modules if name.partition(".")[0] == "sandbox"),
    }  # fmt: skip


def draw() -> list[str]:
    """What no two processes have in common."""
    import numpy as np  # noqa: PLC0415 - it is no part of the world

    with tempfile.NamedTemporaryFile() as file:
        return [str(random.random()), str(np.random.random()), str(uuid.uuid4()), file.name]  # noqa: NPY002 - the generator that a fork could share


def _status() -> dict[str, str]:
    lines = (line.partition(":") for line in Path("/proc/self/status").read_text().splitlines())
    status = {name: value.strip() for name, _, value in lines if name.startswith(STATUS)}
    return status | {"SigCgt": hex(int(status["SigCgt"], 16) & ~SIGNALS_OF_LIBC)}


def _kind(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}").partition(":")[0]  # noqa: PTH115 - may be no path
    except FileNotFoundError:  # the one that lists them
        return ""


def _getenv(name: str) -> str:
    library = ctypes.CDLL(None)
    library.getenv.restype = ctypes.c_char_p
    return str(library.getenv(name.encode()))


def _prctl(option: int) -> int:
    return int(ctypes.CDLL(None).prctl(option, 0, 0, 0, 0))


def _signal_of_parents_death() -> int:
    number = ctypes.c_int()
    ctypes.CDLL(None).prctl(PR_GET_PDEATHSIG, ctypes.byref(number), 0, 0, 0)
    return number.value


if __name__ == "__main__":
    sys.stdout.write(json.dumps({"world": world(), "draws": draw()}))
    sys.exit(int(sys.argv[1]))
