"""What a container used: CPU time that only grows, also that of children that have ended, and memory."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.node.usage import Meter, machine
from support.waiting import eventually

BURN = "import time\nwhile time.process_time() < 0.6: pass"
PARENT = (
    f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\nprint('ended', flush=True)\ninput()"
)


@contextmanager
def run(code: str) -> Iterator["subprocess.Popen[str]"]:
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_time_of_a_child_that_ended_stays_counted() -> None:
    readings = []
    with run(PARENT) as process:
        meter = Meter(process.pid, None)

        def busy() -> bool:
            readings.append(meter.read().cpu_seconds)
            return readings[-1] > 0.5

        eventually(busy)
        assert process.stdout is not None
        assert process.stdout.readline() == "ended\n"
        readings.append(meter.read().cpu_seconds)
        assert meter.read().memory_bytes > 1_000_000
    process.wait()
    readings.append(meter.read().cpu_seconds)
    assert readings == sorted(readings)
    assert 0.5 < readings[-1] < 2


def test_what_a_group_counts_is_believed() -> None:
    class Group:
        def working_set(self) -> int:
            return 4711

    with run("input()") as process:
        assert Meter(process.pid, Group()).read().memory_bytes == 4711


def test_the_machine_uses_time_and_memory() -> None:
    before = machine()
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert machine().cpu_seconds > before.cpu_seconds
    assert before.memory_bytes > 1_000_000
