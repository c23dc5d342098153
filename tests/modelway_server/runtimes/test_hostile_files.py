"""Model files that mean harm are refused with a reason, and nothing of them happens, at load or when they are asked."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.files.hostile import hostile_files
from support.files.hostile.kinds import CANARY, MARK, SECRET, Hostile

ALL = bool(os.environ.get("ABUSE_REQUESTS"))
"""Every third of them is tried, and all by `make abuse`."""
_COUNT = 200
"""At least so many are tried."""


@cache
def every_file() -> list[Hostile]:
    """All of them, made once."""
    return list(hostile_files())


def outcomes(folder: Path, files: list[Hostile]) -> list[dict[str, Any]]:
    """What became of each; they are made in folders of their own."""
    tasks = []
    for number, hostile in enumerate(files):
        place = folder / str(number)
        (place / "m").mkdir(parents=True)
        (place / CANARY).write_text(SECRET)
        hostile.write(place / "m" / "model")
        tasks.append([str(place), str(place / "m" / "model"), hostile.rows])
    program = [sys.executable, "-m", "support.files.hostile.trial"]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    process = subprocess.run(program, input=json.dumps(tasks), capture_output=True, text=True, check=True, env=environ)
    return [json.loads(line) for line in process.stdout.splitlines()]


def complaint(hostile: Hostile, outcome: dict[str, Any], place: Path) -> str | None:
    """What is wrong with an outcome; None when the file was refused as it must be."""
    left = sorted(entry.name for entry in place.iterdir())
    if outcome["events"] or left != [CANARY, "m"] or (place / CANARY).read_text() != SECRET:
        return f"did {outcome['events']}, left {left}"
    if "reason" not in outcome:
        return f"was not refused: {outcome}"[:300]
    if SECRET in json.dumps(outcome) or MARK in outcome["message"].split():
        return f"told {outcome['message']}"
    if "Report this" in outcome["remedy"] or len(outcome["message"]) > 1_500:
        return f"was refused without a reason: {outcome['message'][:300]}"
    if hostile.reasons and outcome["reason"] not in hostile.reasons:
        return f"was refused as {outcome['reason']}: {outcome['message'][:200]}"
    return None


def test_each_file_has_a_name_of_its_own() -> None:
    names = [hostile.name for hostile in every_file()]
    assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_hostile_file_is_refused_and_does_nothing(tmp_path: Path) -> None:
    files = every_file()[:: 1 if ALL else 3]
    assert len(files) >= _COUNT
    results = outcomes(tmp_path, files)
    complaints = {
        hostile.name: wrong
        for number, (hostile, outcome) in enumerate(zip(files, results, strict=True))
        if (wrong := complaint(hostile, outcome, tmp_path / str(number)))
    }
    assert complaints == {}
