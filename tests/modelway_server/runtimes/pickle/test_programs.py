"""Programs of allowed names and opcodes do nothing but make objects: nothing is opened, started, connected or imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = 1_000
"""Programs of a seed; one in ten is loaded, and asked."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_programs_of_allowed_names_do_nothing(tmp_path: Path, seed: int) -> None:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "support.files.pickle_programs", str(seed), str(COUNT)]
    ended = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert int(ended.stdout.splitlines()[-1]) > COUNT // 50
    assert not list(tmp_path.iterdir())
