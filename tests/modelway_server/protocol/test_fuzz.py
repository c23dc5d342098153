"""The fuzz target for the codecs: its seeds are answered, and a short run with a fixed seed finds nothing."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import target
from modelway_server.errors import InputError

TESTS = Path(__file__).resolve().parents[2]
SECONDS = 5
FEWEST = 2000


def test_seeds_reach_every_reader() -> None:
    answered = set()
    for content in target.seeds():
        plane, reader = target.PLANES[content[0]], target.READERS[content[1]]
        try:
            query = reader(plane, content[2], content[3:])
        except InputError:
            continue
        plane.answer(query)
        answered.add(content[1])
    assert answered == set(range(len(target.READERS)))


@pytest.mark.slow
def test_a_short_run_finds_nothing(tmp_path: Path) -> None:
    pytest.importorskip("atheris")
    command = [sys.executable, "-W", "ignore", "-m", "fuzz", f"--seconds={SECONDS}", f"--findings={tmp_path}"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.run(
        command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert process.returncode == 0, process.stderr[-3000:]
    match = re.search(r"Done (\d+) runs", process.stderr)
    assert match is not None
    assert int(match[1]) >= FEWEST
