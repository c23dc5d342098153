"""What schemathesis makes of our OpenAPI document: a thousand requests, and every answer is one that it announces."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.server.served import Served

CASES = 1000
ONLY_ROWS = ("--include-path=/predict",)


def run(server: Served, folder: Path, *arguments: str) -> int:
    """Check all that schemathesis can check; the number of cases."""
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color"]
    command += ["run", f"{server.addresses['http']}/openapi.json", "--seed=1", "--phases=examples,coverage,fuzzing"]
    command += ["--checks=all", "--generation-database=none", *arguments]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=250, check=False)
    assert process.returncode == 0, process.stdout[-5000:]
    match = re.search(r"(\d+) generated", process.stdout)
    assert match is not None, process.stdout[-5000:]
    return int(match[1])


@pytest.mark.slow
def test_every_answer_matches_the_openapi_document(mixed: Served, tmp_path: Path) -> None:
    """Whatever is sent. A schema cannot say that shapes must match their data, or that columns are of one length."""
    assert run(mixed, tmp_path, "--max-examples=70", "--exclude-checks=positive_data_acceptance") >= CASES


def test_every_row_of_the_document_is_answered(mixed: Served, tmp_path: Path) -> None:
    assert run(mixed, tmp_path, "--max-examples=60", *ONLY_ROWS) >= CASES // 20
