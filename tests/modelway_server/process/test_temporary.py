"""Folders for temporary files: those of processes that were killed are removed, all others stay."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from modelway_server.process.temporary import PREFIX, make_folder, temporary_folder
from support.server.served import launch

OWNER = """
import sys, time
from modelway_server.process.temporary import make_folder
folder, _ = make_folder()
(folder / "extracted").write_bytes(b"model")
print(folder, flush=True)
time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def _start() -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-P", "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_folder_of_a_killed_process_is_removed_by_the_next() -> None:
    process, folder = _start()
    with process:
        process.kill()
    assert (folder / "extracted").exists()
    with temporary_folder() as own:
        assert own.exists()
    assert not folder.exists()


def test_folder_of_a_running_process_stays() -> None:
    process, folder = _start()
    with process, temporary_folder():
        has_survived = (folder / "extracted").exists()
        process.kill()
    assert has_survived


def test_folder_stays_while_a_forked_process_uses_it(place: Path) -> None:
    folder, descriptor = make_folder()
    child = os.fork()
    if not child:
        signal.pause()
    os.close(descriptor)
    with temporary_folder():
        has_survived = folder.exists()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with temporary_folder():
        assert (has_survived, folder.exists()) == (True, False)


def test_folders_of_others_stay(place: Path) -> None:
    (place / "modelway-report").mkdir()
    (place / f"{PREFIX}link").symlink_to(place / "modelway-report")
    (place / f"{PREFIX}file").touch()
    with temporary_folder():
        pass
    assert {one.name for one in place.iterdir()} == {"modelway-report", f"{PREFIX}link", f"{PREFIX}file"}


def test_folder_is_made_while_others_clean_up(place: Path) -> None:
    script = (
        "from modelway_server.process.temporary import temporary_folder\n"
        "for _ in range(200):\n    with temporary_folder() as own:\n        (own / 'x').touch()"
    )
    crowd = [subprocess.Popen([sys.executable, "-P", "-c", script]) for _ in range(3)]
    assert [process.wait(timeout=60) for process in crowd] == [0, 0, 0]
    assert list(place.iterdir()) == []


@pytest.mark.slow
def test_server_that_fails_removes_what_the_one_before_left(place: Path) -> None:
    left = []
    for turn in range(2):
        launch(place / f"server-{turn}", cold=True).process.wait(timeout=60)
        left.append({one.name for one in place.glob(f"{PREFIX}*")})
    assert (len(left[0]), len(left[1]), left[0] & left[1]) == (1, 1, set())
