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
import stat
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from modelway_server.errors import (
    LOAD_FAILURES,
    LoadCrashed,
    LoadFailed,
    LoadFailure,
    LoadTimeout,
    OutOfMemory,
    describe,
)
from modelway_server.process.orphans import orphans_ended

MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container reads how much memory it may use, of cgroups version 2 and 1."""
ADDRESSABLE = 2
"""Memory that the child may ask for, in multiples of what it may use: not all that is asked for is touched."""
GRACE_SECONDS = 0.5
"""After its time the child writes into the log where it stands; then it is ended."""
MAX_RESULT_BYTES = 16 << 20
"""More than any result takes; a child that has gone mad may write for ever."""

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
    with orphans_ended():
        line, status = _run(work, seconds)
    if line is None:
        raise LoadTimeout(f"the model was not loaded and tried within {seconds:g} s")
    if not line.endswith(b"\n") and len(line) < MAX_RESULT_BYTES:
        raise _death(status)
    return _result(line)


def _run(work: Callable[[], dict[str, Any]], seconds: float) -> tuple[bytes | None, int]:
    """What the child wrote, None when its time was over before, and how it ended."""
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
        line = _read_line(reading, pid, time.monotonic() + seconds + GRACE_SECONDS)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):  # what it may have started ends too
            os.killpg(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return line, status


def follow_parent() -> None:
    """Die with the parent, however it dies: nobody else would end this process (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_child(work: Callable[[], dict[str, Any]], writing: int, seconds: float) -> NoReturn:
    status = 1
    try:
        os.setsid()
        follow_parent()
        _close_sockets()
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
            "message": describe(error),
            "remedy": "Report this; the log has the details.",
        }


def _result(line: bytes) -> dict[str, Any]:
    try:
        outcome = json.loads(line)
        failure = _BY_NAME[outcome["reason"]] if "reason" in outcome else None
        result: dict[str, Any] = {} if failure else outcome["result"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LoadCrashed("the process that loaded the model wrote what is no result") from error
    if failure:
        raise failure(str(outcome.get("message")), remedy=outcome.get("remedy"))
    return result


def _death(status: int) -> LoadFailure:
    """Why a child ended that said nothing."""
    if status == -signal.SIGKILL:
        return OutOfMemory("the process that loaded the model was killed: it needed more memory than this pod has")
    how = f"of {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
    return LoadCrashed(f"the process that loaded the model ended {how}; the log has the place")


def _close_sockets() -> None:
    """Keep none that the parent has open: nobody is served from here."""
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  (names are numbers)
            with suppress(OSError):
                if int(name) > 2 and stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    os.close(int(name))


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


def _read_line(descriptor: int, pid: int, deadline: float) -> bytes | None:
    """All that comes until a line's end, or the end of the pipe or of the child; None when none comes in time.

    The pipe may outlive the child, in the hands of what it has started.
    """
    with _death_watch(pid) as watched:
        content = b""
        while not content.endswith(b"\n") and len(content) < MAX_RESULT_BYTES:
            ready, _, _ = select.select([descriptor, *watched], [], [], max(deadline - time.monotonic(), 0.0))
            if not ready:
                return None
            more = os.read(descriptor, 1 << 16) if descriptor in ready else b""
            if not more:
                break
            content += more
    return content


@contextmanager
def _death_watch(pid: int) -> Iterator[list[int]]:
    """A descriptor that can be read when the child has ended; none where the system has none."""
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError):
        yield []
        return
    try:
        yield [descriptor]
    finally:
        os.close(descriptor)
