"""A sandbox by hand: up, status, down; and that nothing outlives it, whatever was killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from sandbox import Sandbox, SandboxError
from sandbox.__main__ import main
from sandbox.processes import cgroup_name, end_all, find_marked, mounts_below
from sandbox.record import read_record
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

PARTS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "node", "metrics-server"]
SLEEPER = [
    "run",
    "sleeper",
    "--image=sandbox/python",
    "--command",
    "--",
    "python",
    "-c",
    "import time; time.sleep(600)",
]
START = (
    "import sys, pathlib, sandbox; sandbox.Sandbox.start(pathlib.Path(sys.argv[1]), guarded=sys.argv[2] == 'guarded')"
)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "sandbox"
    yield path
    end_all(path)


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m sandbox ...`, as a person would."""
    words = [sys.executable, "-m", "sandbox", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def traces(directory: Path) -> list[str]:
    """What is left of a sandbox on this machine."""
    cgroups = [str(path) for path in Path("/sys/fs/cgroup").rglob(cgroup_name(directory))]
    alive = [f"process {pid}" for pid in find_marked(directory)] + [f"mount {path}" for path in mounts_below(directory)]
    return alive + cgroups + [str(path) for path in [directory] if path.exists()]


def test_sandbox_goes_down_after_every_part_was_killed(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    up = command("up", "--dir", directory)
    match = re.search(r"ready in ([\d.]+) s", up.stderr)
    assert match, up.stderr
    with capsys.disabled():
        print(f"\n[sandbox up: {match[1]} s on {os.cpu_count()} cores]")  # noqa: T201 - a figure for the reader
    exported = re.search(r"^export KUBECONFIG=(.+)$", up.stdout, re.MULTILINE)
    assert exported
    kubectl = Kubectl(Sandbox.open(directory).kubectl, Path(exported[1]), "default")
    kubectl(*SLEEPER)
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=20s")
    assert command("status", "--dir", directory).returncode == 0
    again = command("up", "--dir", directory)
    assert (again.returncode, "runs in" in again.stderr) == (1, True)

    for count, name in enumerate(reversed(PARTS), 1):
        os.kill(read_record(directory).parts[name], signal.SIGKILL)
        status = eventually(partial(dead_parts, directory, count))
        assert f"{name} " in status

    assert command("down", "--dir", directory).returncode == 0
    assert traces(directory) == []


def dead_parts(directory: Path, count: int) -> str:
    """What status says once it knows of `count` dead parts, "" before."""
    status = command("status", "--dir", directory)
    return status.stdout if status.returncode == 1 and status.stdout.count("DEAD") == count else ""


@pytest.mark.parametrize("guard", ["guarded", "unguarded"])
def test_starter_killed_in_the_middle_leaves_nothing(directory: Path, guard: str) -> None:
    with subprocess.Popen([sys.executable, "-c", START, directory, guard]) as starter:
        eventually(lambda: len(find_marked(directory)) >= 2)
        starter.kill()
    if guard == "unguarded":
        assert find_marked(directory)
        assert command("down", "--dir", directory).returncode == 0
    eventually(lambda: traces(directory) == [], describe=lambda: traces(directory))


def test_down_touches_no_folder_that_is_not_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    down = command("down", "--dir", tmp_path)
    assert (down.returncode, "is no sandbox" in down.stderr) == (1, True)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(("options", "warm"), [((), False), (("--warm",), True)], ids=["by default", "asked"])
def test_up_starts_servers_warm_when_asked(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, warm: bool
) -> None:
    keywords: dict[str, object] = {}

    def start(directory: Path, **how: object) -> Sandbox:
        keywords.update(how)
        return Sandbox(directory, "https://127.0.0.1:1", Path("kubectl"))

    monkeypatch.setattr(Sandbox, "start", start)
    assert main(["up", "--dir", str(tmp_path), *options]) == 0
    assert keywords["warm"] is warm


def test_up_refuses_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(SandboxError, match="no sandbox's"):
        Sandbox.start(tmp_path)


def test_image_map_that_is_none_is_refused_with_its_name(tmp_path: Path) -> None:
    images = tmp_path / "images.json"
    images.write_text('{"shop/store": {"entrypoint": "python store.py"}}')
    with pytest.raises(SandboxError, match=r'shop/store: "entrypoint" must be a list'):
        Sandbox.start(tmp_path / "sandbox", images=images)
    assert not (tmp_path / "sandbox").exists()
