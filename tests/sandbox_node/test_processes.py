"""Whose process it is, told from its environment, at the instants when the kernel shows none."""

from pathlib import Path

from sandbox import processes


def test_a_process_that_was_just_started_is_alive(tmp_path: Path) -> None:
    # The kernel hides the environment of about one in a hundred while it loads the program.
    for _ in range(500):
        child = processes.spawn(["sleep", "60"], directory=tmp_path, log=tmp_path / "log")
        alive = processes.is_alive(child.pid, tmp_path)
        child.kill()
        child.wait()
        assert alive


def test_a_zombie_is_not_alive(tmp_path: Path) -> None:
    child = processes.spawn(["sleep", "60"], directory=tmp_path, log=tmp_path / "log")
    child.kill()
    processes.kill_all(tmp_path)
    assert not processes.is_alive(child.pid, tmp_path)
    child.wait()


def test_another_sandboxs_process_is_not_ours(tmp_path: Path) -> None:
    child = processes.spawn(["sleep", "60"], directory=tmp_path, log=tmp_path / "log")
    try:
        assert not processes.is_alive(child.pid, tmp_path / "other")
    finally:
        child.kill()
        child.wait()
