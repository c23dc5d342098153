"""Lies, each tried in a process that may end by it."""

import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TypeVar

SECONDS = 10
"""For one model to be loaded and asked."""
MEMORY = 6 << 30
Lie = TypeVar("Lie")


def outcomes(lies: Sequence[Lie], outcome: Callable[[Lie], str]) -> Iterator[str]:
    """What became of each lie; a process tries them in turn, and the next goes on where one ended."""
    count = 0
    while count < len(lies):
        lines, status = _in_a_child(lies[count:], outcome)
        yield from lines
        count += len(lines)
        if status:
            yield f"ended by {signal.Signals(-status).name if status < 0 else status}"
            count += 1


def _in_a_child(lies: Sequence[Lie], outcome: Callable[[Lie], str]) -> tuple[list[str], int]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `verbose` is a number like others
        with os.fdopen(writing, "w", buffering=1) as out:
            for lie in lies:
                signal.alarm(SECONDS)
                out.write(f"{outcome(lie)}\n")
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as lines:
        outcome_lines = lines.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # what joblib may have started
    return outcome_lines, status
