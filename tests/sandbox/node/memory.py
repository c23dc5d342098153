"""Memory limits of containers: by cgroup where this process may make one, else by looking at the processes' size."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from sandbox.node.usage import resident

CGROUPS = Path("/sys/fs/cgroup")
LOOK_SECONDS = 0.5


class Limit(Protocol):
    """The limit of one run of a container."""

    def join(self, pid: int) -> None:
        """Put the process `pid` and its future children under the limit."""

    def exceeded(self) -> bool:
        """Whether a process was killed for memory."""

    def working_set(self) -> int | None:
        """Bytes that the processes hold, without file pages that the kernel can take back at once; None when nothing counts them."""

    def close(self) -> None:
        """Forget it; the processes are gone."""


class _Group:
    """A memory cgroup, version 1 or 2."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path = path
        path.mkdir(parents=True)
        self._second = (path / "memory.max").exists()
        (path / ("memory.max" if self._second else "memory.limit_in_bytes")).write_text(str(limit))
        # A swapping container would never meet its limit.
        with contextlib.suppress(OSError):
            (path / ("memory.swap.max" if self._second else "memory.swappiness")).write_text("0")
        if self._second:
            (path / "memory.oom.group").write_text("1")

    def join(self, pid: int) -> None:
        (self._path / "cgroup.procs").write_text(str(pid))

    def exceeded(self) -> bool:
        lines = (self._path / ("memory.events" if self._second else "memory.oom_control")).read_text().splitlines()
        return any(line.startswith("oom_kill ") and line.split()[1] != "0" for line in lines)

    def working_set(self) -> int | None:
        used, inactive = (
            ("memory.current", "inactive_file") if self._second else ("memory.usage_in_bytes", "total_inactive_file")
        )
        try:
            total = int((self._path / used).read_text())
            counts = dict(line.split() for line in (self._path / "memory.stat").read_text().splitlines())
        except OSError:
            return None
        return max(0, total - int(counts[inactive]))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._path.rmdir()


class _Watched:
    """The first process of a container, whose size with all its children is looked at."""

    def __init__(self, limit: int, forget: Callable[["_Watched"], None]) -> None:
        self._limit = limit
        self._forget = forget
        self._pid: int | None = None
        self._killed = False

    def join(self, pid: int) -> None:
        self._pid = pid

    def exceeded(self) -> bool:
        return self._killed

    def working_set(self) -> int | None:
        return None

    def close(self) -> None:
        self._pid = None
        self._forget(self)

    def look(self) -> None:
        if self._pid is not None and not self._killed and resident(self._pid) > self._limit:
            self._killed = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


def _own_group() -> Path | None:
    """The memory cgroup of this process, under which it may make others: never beside it, that would leave its limits."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, name = line.split(":", 2)
        if kinds == "memory":
            return CGROUPS / "memory" / name.lstrip("/")
        # Version 2 has no processes beside groups, but in its root.
        if not kinds and name == "/" and (CGROUPS / "memory.stat").exists():
            return CGROUPS
    return None


class Memory:
    """All limits of one node; `name` is that of its cgroup."""

    def __init__(self, name: str) -> None:
        parent = _own_group()
        self._root = parent / name if parent else None
        self._watched: set[_Watched] = set()
        if self._root is not None:
            try:
                self._root.mkdir(exist_ok=True)
                if (CGROUPS / "cgroup.controllers").exists():
                    (self._root / "cgroup.subtree_control").write_text("+memory")
                _Group(self._root / "trial", 1 << 30).close()
            except OSError:
                self._root = None

    @property
    def kind(self) -> str:
        """How limits are held."""
        return f"cgroup {self._root}" if self._root else f"looking every {LOOK_SECONDS} s"

    def limit(self, name: str, size: int) -> Limit:
        """A limit of `size` bytes, for a run of a container called `name` once."""
        if self._root is not None:
            with contextlib.suppress(OSError):
                return _Group(self._root / name, size)
        watched = _Watched(size, self._watched.discard)
        self._watched.add(watched)
        return watched

    async def run(self) -> None:
        """Look after the containers that no cgroup limits, for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            for watched in list(self._watched):
                watched.look()
