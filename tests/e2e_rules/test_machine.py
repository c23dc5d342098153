"""Whether a machine can run a real node is said before anything is done to it."""

import pytest

from e2e import __main__ as program
from e2e import machine


def test_by_hand_a_machine_that_cannot_is_told_why_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert program.main([]) == 1
    assert "run it as root" in capsys.readouterr().out


def test_where_it_may_be_left_out_it_says_so_and_succeeds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert program.main(["--where-possible"]) == 0
    assert "it needs Linux, and this is Darwin" in capsys.readouterr().out


def test_only_packages_whose_programs_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda program: None if program in {"buildah", "runc"} else f"/bin/{program}")
    assert machine.missing_packages() == ["buildah", "runc"]
