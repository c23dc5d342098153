"""Every process of a sandbox is known by a mark in its environment, which its children inherit.

There is no supervisor whose death could lose them: the kernel keeps the record. `end_all` finds what carries the mark
(also what a dead node left running) and leaves no process, mount, cgroup or file behind.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sandbox.errors import SandboxError

MARK = "SANDBOX_DIRECTORY"
"""Environment variable that every process of a sandbox carries; its value is the sandbox's directory."""

POLL_SECONDS = 0.02


def spawn(
    argv: Sequence[str | Path],
    *,
    directory: Path,
    log: Path,
    environment: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a part of the sandbox in a session of its own (no Ctrl-C reaches it), its output in `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            [os.fspath(argument) for argument in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(os.environ if environment is None else environment), MARK: str(directory)},
            pass_fds=pass_fds,
            start_new_session=True,
        )


def is_alive(pid: int, directory: Path, *, deadline: float = 5.0) -> bool:
    """Whether the process `pid` is alive and belongs to the sandbox in `directory` (a reused pid does not).

    The kernel shows no environment while a process replaces its program, and none of a zombie: within `deadline`
    seconds one that still runs shows it again.
    """
    end = time.monotonic() + deadline
    while not (environment := _environment(pid)):
        if not _runs(pid) or time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)
    return _mark(directory) in environment


def find_marked(directory: Path) -> list[int]:
    """Process ids of everything that runs for the sandbox in `directory`, but what replaces its program just now."""
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [pid for pid in pids if _mark(directory) in _environment(pid)]


def _mark(directory: Path) -> bytes:
    return f"{MARK}={directory}".encode()


def _environment(pid: int) -> list[bytes]:
    """The variables with which the process `pid` was started; none where the kernel shows none."""
    try:
        content = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return []
    return content.split(b"\0") if content else []


def _runs(pid: int) -> bool:
    """Whether the process `pid` is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}


def kill_all(directory: Path, *, deadline: float = 10.0) -> int:
    """Kill every process of the sandbox in `directory`; how many there were.

    Raises:
        SandboxError: some outlived the deadline (seconds).
    """
    end = time.monotonic() + deadline
    killed: set[int] = set()
    quiet = 0
    # A process is unmarked for an instant while it replaces its program: believe only the second empty look.
    while quiet < 2:
        alive = find_marked(directory)
        quiet = 0 if alive else quiet + 1
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(alive)
        if alive and time.monotonic() > end:
            raise SandboxError(f"processes {alive} of {directory} do not die; they may hang in the kernel: see `ps`")
        time.sleep(POLL_SECONDS)
    return len(killed)


def reap(children: Iterable[subprocess.Popen[bytes]]) -> None:
    """Collect the exit status of ended children of this process, so that none stays as a zombie."""
    for child in children:
        child.wait()


def cgroup_name(directory: Path) -> str:
    """Name of the cgroup below which the node of the sandbox in `directory` puts its pods."""
    return "modelway-" + hashlib.sha256(str(directory).encode()).hexdigest()[:12]


def remove_cgroups(directory: Path, root: Path = Path("/sys/fs/cgroup")) -> None:
    """Remove the cgroups of the sandbox in every hierarchy; its processes are dead by now."""
    for top in list(root.rglob(cgroup_name(directory))):
        below = sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True)
        for group in [*below, top]:
            _remove_group(group)


def _remove_group(group: Path, deadline: float = 5.0) -> None:
    """Remove one cgroup; the kernel holds it for an instant after its last process died."""
    end = time.monotonic() + deadline
    while group.exists():
        try:
            group.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > end:
                raise
            time.sleep(POLL_SECONDS)


def mounts_below(directory: Path) -> list[Path]:
    """Mount points at or below `directory`, the innermost first."""
    points = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        point = Path(line.split()[4].encode().decode("unicode_escape"))
        if point.is_relative_to(directory):
            points.append(point)
    return points[::-1]


def unmount_below(directory: Path) -> None:
    """Take away what is mounted at or below `directory`, else its removal would empty the mounted folder."""
    for point in mounts_below(directory):
        subprocess.run(["umount", "--lazy", point], check=True, capture_output=True)


def end_all(directory: Path, *, deadline: float = 10.0) -> int:
    """End the sandbox in `directory` and remove what it left; how many processes there were.

    Raises:
        SandboxError: a process would not die, or something could not be removed.
    """
    count = kill_all(directory, deadline=deadline)
    try:
        unmount_below(directory)
        remove_cgroups(directory)
        if directory.exists():
            shutil.rmtree(directory)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SandboxError(f"cannot remove what the sandbox left in {directory}: {error}") from error
    return count
