"""No model of which one array or number lies ends the process that loads and asks it."""

import os
import subprocess
import sys

import pytest

EVERY = 1 if os.environ.get("ABUSE_REQUESTS") else 150
"""One lie in so many is tried, and each by `make abuse`."""


@pytest.mark.slow
@pytest.mark.timeout(7200 if EVERY == 1 else 300)
def test_corrupted_model_ends_no_process() -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-m", "support.files.corrupted", "--every", str(EVERY)]
    ended = subprocess.run(program, env=environ, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-1000:]
