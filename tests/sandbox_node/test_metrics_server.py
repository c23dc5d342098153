"""Where metrics-server comes from, and that a sandbox goes on without it."""

import io
from pathlib import Path

import pytest

from sandbox import metricsserver
from sandbox.binaries import parts
from sandbox.binaries.progress import Progress
from sandbox.errors import SandboxError


@pytest.fixture(autouse=True)
def unbuildable(monkeypatch: pytest.MonkeyPatch) -> None:
    def locate(name: str, _: Progress) -> Path:
        raise SandboxError(f"no module proxy for {name}")

    monkeypatch.setattr(parts, "locate", locate)


def test_the_one_beside_the_control_plane_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "metrics-server"
    program.touch(mode=0o755)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert metricsserver.find() == program


def test_without_it_the_sandbox_says_what_is_missing_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    output = io.StringIO()
    assert metricsserver.find(Progress(output)) is None
    assert "autoscalers get no metrics" in output.getvalue()
    assert "no module proxy for metrics-server" in output.getvalue()
