"""The namespaces of the real node leave no trace on the machine, however they end; the whole node is `make e2e`."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import isolation, machine
from sandbox import processes
from support.waiting import eventually

pytestmark = pytest.mark.skipif(bool(machine.obstacles()), reason=f"no real node here: {machine.obstacles()}")

PROGRAM = """
import pathlib, sys, time
from e2e import isolation
def work():
    isolation.furnish(pathlib.Path(sys.argv[1]))
    isolation.connect()
    pathlib.Path("/etc/written-inside").touch()
    pathlib.Path("/run/node/ready").touch()
    time.sleep(600)
isolation.be_first(work)
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Furnished namespaces and a cgroup, with a program that sleeps."""
    isolation.make_cgroup(processes.cgroup_name(tmp_path))
    command = isolation.isolate([sys.executable, "-c", PROGRAM, str(tmp_path)])
    with subprocess.Popen(command, env={**os.environ, processes.MARK: str(tmp_path)}) as process:
        try:
            eventually((tmp_path / "ready").exists)
            yield process
        finally:
            processes.end_all(tmp_path)


def test_nothing_of_it_is_seen_outside(started: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert not processes.mounts_below(tmp_path)
    assert not processes.mounts_below(Path("/run/node"))
    assert not Path("/etc/written-inside").exists()
    assert not Path("/sys/class/net/node0").exists()


def test_a_kill_ends_all_of_it(started: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert len(processes.find_marked(tmp_path)) == 3  # unshare, the first process, its work
    started.send_signal(signal.SIGKILL)
    eventually(lambda: not processes.find_marked(tmp_path))


def test_the_end_removes_cgroups_and_files(started: "subprocess.Popen[bytes]", tmp_path: Path) -> None:
    assert _cgroups(tmp_path)
    assert processes.end_all(tmp_path) == 3
    assert not _cgroups(tmp_path)
    assert not tmp_path.exists()


def _cgroups(directory: Path) -> list[Path]:
    return list(isolation.CGROUPS.rglob(processes.cgroup_name(directory)))
