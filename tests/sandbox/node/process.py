"""Processes of containers: start one in namespaces of its own, join one, wait and signal, without a thread or a poll."""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

LAUNCHER = Path(__file__).with_name("launcher.py")
PR_SET_CHILD_SUBREAPER = 36
OUTPUT_BYTES = 10 * 1024


class StartError(Exception):
    """The command could not be started; the message is what a container runtime would say."""


@dataclass(frozen=True)
class Mount:
    """The file or folder `source` of the machine at `target` in a container; both real, absolute paths."""

    source: str
    target: str
    readOnly: bool  # noqa: N815 - as the launcher reads it


@dataclass(frozen=True)
class Launch:
    """A command and the world it runs in; the names are those that the launcher reads.

    Attributes:
        argv: the command; its first word is looked up in the PATH of `env`.
        root: an empty folder that becomes the container's root.
        hidden: a folder of the machine that no container may see.
        visible: paths of the machine that must be seen, whatever lies over them.
        user: user and group id that the node's own user has in the container, given a user namespace.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    hostname: str
    root: str
    mounts: Sequence[Mount]
    visible: Sequence[str]
    hidden: str
    readonlyRoot: bool  # noqa: N815
    userNamespace: bool  # noqa: N815
    user: int


def become_parent_of_containers() -> None:
    """Let this process adopt the containers' processes, whose own parents are the launchers, and watch many of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _set(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


async def wait_for_end(pid: int) -> int:
    """Wait for the child `pid` without blocking; its exit code, 128+N when signal N killed it."""
    loop = asyncio.get_running_loop()
    descriptor = os.pidfd_open(pid)
    done: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, _set, done)
    try:
        await done
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])  # noqa: ASYNC222 - it has ended
    return code if code >= 0 else 128 - code


class _Collector(asyncio.Protocol):
    """Everything that comes from a pipe, up to a size."""

    def __init__(self, limit: int = 1 << 20) -> None:
        self._limit = limit
        self.content = b""
        self.arrived = asyncio.Event()
        self.ended = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.content = (self.content + data)[: self._limit]
        self.arrived.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - as asyncio calls it
        self.ended.set()
        self.arrived.set()


async def collect(descriptor: int, limit: int = 1 << 20) -> _Collector:
    collector = _Collector(limit)
    await asyncio.get_running_loop().connect_read_pipe(lambda: collector, os.fdopen(descriptor, "rb", buffering=0))
    return collector


def _run_launcher(spec: dict[str, Any], status: int, output: Sequence[int]) -> subprocess.Popen[bytes]:
    text = json.dumps({**spec, "status": status}).encode()
    command = [sys.executable, "-I", "-S", str(LAUNCHER), str(len(text))]
    launcher = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=output[0],
        stderr=output[1],
        pass_fds=[status],
        env=spec["env"],
        bufsize=0,
    )
    assert launcher.stdin is not None
    launcher.stdin.write(text)
    return launcher


@dataclass(frozen=True)
class Beginning:
    """A launcher that has ended: its child waits in a world of its own for a line on `go`, and tells on `status` how it fares."""

    go: IO[bytes]
    status: int


Begin = Callable[["Launch", Sequence[int]], Awaitable[Beginning | None]]
"""A way to begin a container with descriptors as output; its result is None where the way is closed."""


async def begin_by_exec(launch: Launch, output: Sequence[int]) -> Beginning:
    """Begin a container whose command is executed as a new program."""
    reading, writing = os.pipe()
    launcher = _run_launcher(asdict(launch), writing, output)
    os.close(writing)
    launcher.returncode = await wait_for_end(launcher.pid)
    assert launcher.stdin is not None
    return Beginning(launcher.stdin, reading)


class Process:
    """A container's first process, with everything it started."""

    def __init__(self, pid: int, launch: Launch) -> None:
        self.pid = pid
        self.launch = launch
        self.exit = asyncio.create_task(wait_for_end(pid))

    def signal(self, number: int) -> None:
        """Signal the first process; SIGKILL ends all of the container. Nothing happens when it is gone."""
        if not self.exit.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


async def start(
    launch: Launch, output: Sequence[int], joined: Callable[[int], None], begin: Begin | None = None
) -> Process:
    """Start `launch` with file descriptors `output` as standard output and error.

    `joined` is called with the process id before the command itself runs: the time to set limits. `begin` is tried before
    `begin_by_exec`.

    Raises:
        StartError: the command is not there, or its world could not be made.
    """
    beginning = (await begin(launch, output) if begin else None) or await begin_by_exec(launch, output)
    status = await collect(beginning.status)
    # The first line, or the end where there is none: the launcher wrote it before it ended.
    await status.arrived.wait()
    answers = [json.loads(line) for line in status.content.splitlines()]
    child = next((answer["pid"] for answer in answers if "pid" in answer), None)
    if child is None:
        beginning.go.close()
        raise _start_error(launch, answers)
    process = Process(child, launch)
    with contextlib.suppress(BrokenPipeError, ProcessLookupError):
        joined(child)
        beginning.go.write(b"\n")
    beginning.go.close()
    await status.ended.wait()
    failures = [answer for answer in map(json.loads, status.content.splitlines()) if "error" in answer]
    if failures:
        await process.exit
        raise _start_error(launch, failures)
    return process


def _start_error(launch: Launch, answers: list[dict[str, Any]]) -> StartError:
    reason = "; ".join(f"{answer['error']}: {answer['file']}" for answer in answers if "error" in answer)
    program = Path(launch.argv[0]).name
    missing = any(a.get("errno") == errno.ENOENT and Path(a["file"]).name == program for a in answers)
    detail = "executable file not found in $PATH" if missing else reason or "the launcher ended early"
    return StartError(
        "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
        f'unable to start container process: exec: "{launch.argv[0]}": {detail}'
    )


async def execute(process: Process, argv: Sequence[str], seconds: float) -> tuple[int, str]:
    """Run `argv` inside the container of `process`; exit code and output (at most 10 KiB).

    Raises:
        TimeoutError: it did not end in time and was killed.
    """
    launch = process.launch
    spec = {
        "argv": list(argv),
        "env": dict(launch.env),
        "cwd": launch.cwd,
        "enter": process.pid,
        "userNamespace": launch.userNamespace,
    }
    reading, writing = os.pipe()
    status_reading, status_writing = os.pipe()
    child = _run_launcher(spec, status_writing, [writing, writing])
    os.close(writing)
    os.close(status_writing)
    output, status = await collect(reading, OUTPUT_BYTES), await collect(status_reading)
    end = asyncio.create_task(wait_for_end(child.pid))
    try:
        async with asyncio.timeout(seconds):
            code = await asyncio.shield(end)
    except TimeoutError:
        os.kill(child.pid, signal.SIGKILL)
        await end
        raise
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.returncode = 0
    if status.content:
        return 126, str(_start_error(launch, [json.loads(status.content.splitlines()[0])]))
    return code, output.content.decode(errors="replace")
