"""What containers and the machine use, as the kernel counts it: CPU seconds, which only grow, and memory in bytes."""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
# Of /proc/PID/stat behind the command, and of /proc/stat behind the word "cpu".
OWN_AND_CHILDREN = slice(11, 15)
BUSY = (0, 1, 2, 5, 6, 7)


@dataclass(frozen=True)
class Used:
    """Since its start, and now."""

    cpu_seconds: float
    memory_bytes: int
    """The working set: without file pages that the kernel can take back at once."""


class Group(Protocol):
    """What counts the memory of a container, where there is such a thing."""

    def working_set(self) -> int | None:
        """Bytes; None when nothing counts them."""


class Meter:
    """The use of the process `pid` and all it started, also of those that have ended.

    Attributes:
        started: when it began, in seconds since 1970.

    A parent takes over the CPU time of a child whose end it waits for. It is read before its children, so that a child which
    ends meanwhile is counted late, never twice.
    """

    def __init__(self, pid: int, group: Group | None) -> None:
        self.started = time.time()
        self._pid = pid
        self._group = group
        self._seconds = 0.0

    def read(self) -> Used:
        """The use until now."""
        self._seconds = max(self._seconds, sum(map(_cpu_seconds, tree(self._pid))))
        counted = self._group.working_set() if self._group else None
        return Used(self._seconds, resident(self._pid) if counted is None else counted)


@dataclass(frozen=True)
class ContainerUsage:
    """A container that runs, with what measures it."""

    namespace: str
    pod: str
    container: str
    meter: Meter


def machine() -> Used:
    """The use of all of this machine since it was started."""
    times = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    lines = (line.split() for line in Path("/proc/meminfo").read_text().splitlines())
    memory = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}
    working_set = memory["MemTotal"] - memory["MemFree"] - memory["Inactive(file)"]
    return Used(sum(times[place] for place in BUSY) / TICKS, working_set)


def tree(pid: int) -> Iterator[int]:
    """The process `pid` and its descendants, parents first."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from tree(int(child))


def resident(pid: int) -> int:
    """Bytes of memory that the process `pid` and its descendants hold; shared pages count for each."""
    return sum(map(_resident, tree(pid)))


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    return 0


def _cpu_seconds(pid: int) -> float:
    """CPU seconds of the process and of children that it waited for; 0 when it is gone."""
    with contextlib.suppress(OSError):
        behind = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, behind[OWN_AND_CHILDREN])) / TICKS
    return 0.0
