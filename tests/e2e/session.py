"""One run from outside: makes what is missing, starts the namespaces with a command inside, and leaves nothing behind.

A guard, which outlives this process even by a SIGKILL, ends whatever still runs then; a machine that lost both is cleaned by the
next run.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from e2e import images, isolation, machine
from e2e.errors import E2eError
from e2e.place import CACHE, ROOT, RUN
from sandbox import binaries, processes
from sandbox.binaries import parts
from sandbox.binaries.progress import Progress


def run(command: Sequence[str]) -> int:
    """Run a command on a fresh real node; its exit status.

    Raises:
        E2eError: something could not be made, or another run is at work.
        SandboxError: a program could not be built, or something could not be removed.
    """
    progress = Progress()
    with _only_one():
        _provide(progress)
        with _room():
            began = time.monotonic()
            images.build(RUN / "images", progress)
            progress.say(f"e2e: images after {time.monotonic() - began:.0f} s")
            return _isolate(command)


def guard() -> None:
    """Wait until whoever holds the other end of standard input is gone, then end what it left."""
    sys.stdin.buffer.read()
    processes.end_all(RUN)


def _provide(progress: Progress) -> None:
    packages = machine.missing_packages()
    if packages:
        progress.say(f"e2e: apt-get installs {' '.join(packages)}")
        machine.install(packages)
    binaries.locate(progress)
    for part in ("kubelet", "coredns"):
        parts.locate(part, progress)


def _isolate(command: Sequence[str]) -> int:
    snapshotter = "overlayfs" if machine.overlay_works(RUN) else "native"
    inside = [sys.executable, "-P", "-m", "e2e.inside", f"--snapshotter={snapshotter}", *command]
    environment = {**os.environ, processes.MARK: str(RUN)}
    return subprocess.run(isolation.isolate(inside), cwd=ROOT, env=environment, check=False).returncode


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise E2eError("a real node of this user runs on this machine already: wait until it has ended") from None
        yield


@contextlib.contextmanager
def _room() -> Iterator[None]:
    """The folder and the cgroups of a run, without the leftovers of a machine that went down, and gone afterwards."""
    processes.end_all(RUN)
    command = [sys.executable, "-P", "-m", "e2e", "--guard"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            (RUN / "images").mkdir(parents=True)
            isolation.make_cgroup(processes.cgroup_name(RUN))
            yield
        finally:
            processes.end_all(RUN)
            watcher.kill()
