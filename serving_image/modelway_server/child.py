"""Work on an untrusted artifact in a throwaway process: whatever it does to its process, this one lives to tell.

The caller should be light and have one thread, since it is forked.
"""

import ctypes
import faulthandler
import json
import logging
import os
import resource
import select
import signal
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from modelway_server.errors import LOAD_FAILURES, LoadCrashed, LoadFailed, LoadFailure, LoadTimeout, OutOfMemory

MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container reads how much memory it may use, of cgroups version 2 and 1."""
ADDRESSABLE = 2
"""Memory that the child may ask for, in multiples of what it may use: not all that is asked for is touched."""
GRACE_SECONDS = 0.5
"""After its time the child writes into the log where it stands; then it is ended."""

_PR_SET_PDEATHSIG = 1
_BY_NAME = {failure.__name__: failure for failure in LOAD_FAILURES}
_LOGGER = logging.getLogger(__name__)


def in_child(work: Callable[[], dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    """The result of `work()`, done in a child process that ends with it.

    Args:
        work: its result is a JSON document.
        seconds: until the child is ended.

    Raises:
        LoadFailure: raised by `work`; or LoadCrashed, OutOfMemory or LoadTimeout for what became of the child.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        # BLAS, where it is loaded, has threads of its own, which it looks after at a fork
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if not pid:
        os.close(reading)
        _be_child(work, writing, seconds)
    os.close(writing)
    line: bytes | None = None
    try:
        line = _read_line(reading, time.monotonic() + seconds + GRACE_SECONDS)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):  # what it may have started ends too
            os.killpg(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if line is None:
        raise LoadTimeout(f"the model was not loaded and tried within {seconds:g} s")
    if not line.endswith(b"\n"):
        raise _death(status)
    return _result(json.loads(line))


def follow_parent() -> None:
    """Die with the parent, however it dies: nobody else would end this process (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_child(work: Callable[[], dict[str, Any]], writing: int, seconds: float) -> NoReturn:
    status = 1
    try:
        os.setsid()
        follow_parent()
        _limit_resources()
        faulthandler.dump_traceback_later(seconds)
        _write(writing, json.dumps(_outcome(work)).encode() + b"\n")
        status = 0
    finally:
        logging.shutdown()
        os._exit(status)


def _outcome(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"result": work()}
    except LoadFailure as failure:
        return {"reason": failure.reason, "message": failure.message, "remedy": failure.remedy}
    except MemoryError:
        return {"reason": OutOfMemory.__name__, "message": "the model asks for more memory than this pod has"}
    except Exception as error:
        _LOGGER.exception("the model could not be prepared, for a reason without a name")
        return {
            "reason": LoadFailed.__name__,
            "message": f"{type(error).__name__}: {error}",
            "remedy": "Report this; the log has the details.",
        }


def _result(outcome: dict[str, Any]) -> dict[str, Any]:
    if "reason" in outcome:
        raise _BY_NAME[outcome["reason"]](outcome["message"], remedy=outcome.get("remedy"))
    result: dict[str, Any] = outcome["result"]
    return result


def _death(status: int) -> LoadFailure:
    """Why a child ended that said nothing."""
    if status == -signal.SIGKILL:
        return OutOfMemory("the process that loaded the model was killed: it needed more memory than this pod has")
    how = f"of {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
    return LoadCrashed(f"the process that loaded the model ended {how}; the log has the place")


def _limit_resources() -> None:
    """No core file; and where the container's memory is limited, an error instead of a kill for what could never fit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = memory_limit()
    if limit is not None:
        with suppress(ValueError, OSError):  # a lower limit was set before
            resource.setrlimit(resource.RLIMIT_DATA, (limit * ADDRESSABLE, limit * ADDRESSABLE))


def memory_limit() -> int | None:
    """Bytes that this container may use; None when they are not limited, or nothing tells."""
    for path in MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            limit = int(path.read_text())
            return limit if limit < 1 << 60 else None
    return None


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _read_line(descriptor: int, deadline: float) -> bytes | None:
    """All that comes until a line's end or the pipe's; None when neither comes in time."""
    content = b""
    while not content.endswith(b"\n"):
        ready, _, _ = select.select([descriptor], [], [], max(deadline - time.monotonic(), 0.0))
        if not ready:
            return None
        more = os.read(descriptor, 1 << 16)
        if not more:
            break
        content += more
    return content
