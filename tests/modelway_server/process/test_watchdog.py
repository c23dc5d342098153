"""The watchdog ends what does not load in time, whatever it is stuck in, and leaves alone what does."""

import subprocess
import sys

import pytest

from modelway_server.errors import LoadTimeout

PROGRAM = """
import ctypes, sys, time
from modelway_server.process.watchdog import HARD_SECONDS, watchdog

with watchdog(time.monotonic() + {seconds}, allowed={seconds}):
    {deed}
time.sleep({seconds} + HARD_SECONDS + 0.5)
sys.exit(7)
"""
SLEEP = "time.sleep(600)"
# Unlike CDLL, PyDLL keeps the interpreter while it calls.
SLEEP_ALONE = "ctypes.PyDLL(None).sleep(600)"


def run_to_end(deed: str, seconds: float) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(deed=deed, seconds=seconds)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(("deed", "says"), [(SLEEP, "within 3 s"), (SLEEP_ALONE, "most recent call first")])
def test_stuck_process_ends_as_a_load_timeout(deed: str, says: str) -> None:
    process = run_to_end(deed, 3)
    assert process.returncode == LoadTimeout.exit_code
    assert says in process.stderr


def test_work_done_in_time_is_left_alone() -> None:
    assert run_to_end("pass", 0.5).returncode == 7
