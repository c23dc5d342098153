"""Work on an untrusted artifact in a throwaway process, so that this process survives and can report.

The caller is forked, so it should be small and have one thread.
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
from modelway_server.process.orphans import end_orphans

MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Files with the memory limit of a container, for cgroups version 2 and 1."""
ADDRESSABLE = 2
"""Memory that the child may allocate, in multiples of its limit: not all that is allocated is used."""
GRACE_SECONDS = 0.5
"""After its time, the child has this long to log its stack before it is killed."""
MAX_RESULT_BYTES = 16 << 20
"""More than any result takes; a broken child may write for ever."""

_PR_SET_PDEATHSIG = 1
_BY_NAME = {failure.__name__: failure for failure in LOAD_FAILURES}
_LOGGER = logging.getLogger(__name__)


Steps = Callable[[], Iterator[dict[str, Any]]]
"""Work in steps; the result of each is a JSON document."""


def run_in_child(work: Callable[[], dict[str, Any]], *, seconds: float) -> dict[str, Any]:
    """The result of `work()`, run in a child process of its own.

    Args:
        work: its result is a JSON document.
        seconds: until the child is killed.

    Raises:
        LoadFailure: of `work`; or LoadCrashed, OutOfMemory or LoadTimeout for the end of the child.
    """
    with start_child(lambda: (work() for _ in range(1)), seconds=seconds) as child:
        return child.step()


@contextmanager
def start_child(steps: Steps, *, seconds: float) -> Iterator["Child"]:
    """Start a child process that works in steps; it is ended when the block ends, with all that it started.

    Args:
        steps: what it does.
        seconds: until the child is killed.
    """
    with end_orphans():
        child = Child(steps, seconds)
        try:
            yield child
        finally:
            child.end()


class Child:
    """A child process that does each step of its work when it is asked to.

    Args:
        steps: what it does.
        seconds: until a step that has not ended is given up.
    """

    def __init__(self, steps: Steps, seconds: float) -> None:
        self._seconds, self._deadline = seconds, time.monotonic() + seconds + GRACE_SECONDS
        requests, self._asking = os.pipe()
        self._reading, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # BLAS, where it is loaded, handles its own threads at a fork
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if not self._pid:
            os.close(self._reading)
            os.close(self._asking)
            _be_child(steps, requests, writing, seconds)
        os.close(requests)
        os.close(writing)
        self._status: int | None = None
        self._unread = b""

    def begin(self) -> None:
        """Let it begin its next step, now or once it has done those that were begun before."""
        with suppress(BrokenPipeError):  # it has ended, as `result` will find
            os.write(self._asking, b"\n")

    def wait(self) -> None:
        """Wait until the step that was begun has ended in one way or another."""
        select.select([self._reading], [], [], max(self._deadline - time.monotonic(), 0.0))

    def result(self) -> dict[str, Any]:
        """The result of the earliest step that was begun and not yet asked for.

        Raises:
            LoadFailure: of the step; or LoadCrashed, OutOfMemory or LoadTimeout for the end of the child.
        """
        content = _read_line(self._reading, self._pid, self._deadline, self._unread)
        if content is None:
            raise LoadTimeout(f"the model was not loaded and tried within {self._seconds:g} s")
        first, end, self._unread = content.partition(b"\n")
        line = first + end
        if not line.endswith(b"\n") and len(line) < MAX_RESULT_BYTES:
            raise _death(self.end())
        return _result(line)

    def step(self) -> dict[str, Any]:
        """The result of its next step.

        Raises:
            LoadFailure: as `result`.
        """
        self.begin()
        return self.result()

    def end(self) -> int:
        """End it and what it started in its session; its exit status."""
        if self._status is None:
            os.close(self._reading)
            os.close(self._asking)
            with suppress(ProcessLookupError):  # what it may have started ends too
                os.killpg(self._pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        return self._status


def follow_parent() -> None:
    """Let the kernel kill this process when its parent dies: nobody else would (Linux)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _be_child(steps: Steps, requests: int, writing: int, seconds: float) -> NoReturn:
    status = 1
    try:
        os.setsid()
        follow_parent()
        _close_channels(requests, writing)
        _limit_resources()
        faulthandler.dump_traceback_later(seconds)
        work = steps()
        while os.read(requests, 1):
            _write(writing, json.dumps(_outcome(work.__next__)).encode() + b"\n")
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
        raise LoadCrashed("the process that loaded the model wrote an invalid result") from error
    if failure:
        raise failure(str(outcome.get("message")), remedy=outcome.get("remedy"))
    return result


def _death(status: int) -> LoadFailure:
    """The failure for a child that ended without a result."""
    if status == -signal.SIGKILL:
        return OutOfMemory("the process that loaded the model was killed: it needed more memory than this pod has")
    how = f"of {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
    return LoadCrashed(f"the process that loaded the model ended {how}; the log shows where")


def _close_channels(*own: int) -> None:
    """Close the sockets and pipes of the parent but these: this process serves nobody, and speaks for no other child."""
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  (names are numbers)
            with suppress(OSError):
                kind = os.fstat(int(name)).st_mode
                if int(name) > 2 and int(name) not in own and (stat.S_ISSOCK(kind) or stat.S_ISFIFO(kind)):
                    os.close(int(name))


def _limit_resources() -> None:
    """Write no core file; where the container's memory is limited, raise an error for an allocation that could never fit."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = memory_limit()
    if limit is not None:
        with suppress(ValueError, OSError):  # a lower limit was set before
            resource.setrlimit(resource.RLIMIT_DATA, (limit * ADDRESSABLE, limit * ADDRESSABLE))


def memory_limit() -> int | None:
    """Bytes that this container may use; None when there is no limit, or it cannot be read."""
    for path in MEMORY_LIMITS:
        with suppress(OSError, ValueError):
            limit = int(path.read_text())
            return limit if limit < 1 << 60 else None
    return None


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _read_line(descriptor: int, pid: int, deadline: float, content: bytes) -> bytes | None:
    """The bytes up to the end of a line, of the pipe or of the child, or more; None when they take too long.

    A process that the child started may keep the pipe open after its end.
    """
    with _death_watch(pid) as watched:
        while b"\n" not in content and len(content) < MAX_RESULT_BYTES:
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
    """A descriptor that becomes readable when the child ends; none where the system has none."""
    try:
        descriptor = os.pidfd_open(pid)
    except (OSError, AttributeError):
        yield []
        return
    try:
        yield [descriptor]
    finally:
        os.close(descriptor)
