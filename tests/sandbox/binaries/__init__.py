"""The control-plane programs: from `$KUBEBUILDER_ASSETS`, else a cache that a download or a build fills once.

The cache is `${XDG_CACHE_HOME:-~/.cache}/modelway/binaries/<versions>/`. An entry appears whole or not at all, and two
processes that need it at the same time make it once.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox.binaries import versions
from sandbox.binaries.build import build
from sandbox.binaries.progress import Progress
from sandbox.binaries.release import download
from sandbox.binaries.toolchain import find_go
from sandbox.errors import SandboxError

DRAFT_PREFIX = "unfinished-"


@dataclass(frozen=True)
class Binaries:
    """Paths of the programs."""

    etcd: Path
    api_server: Path
    controller_manager: Path
    scheduler: Path
    kubectl: Path


def in_folder(folder: Path) -> Binaries:
    """The programs in `folder`; etcd may be called by its Go package's name, `server`, and kubectl may be on PATH.

    Raises:
        SandboxError: one is not there.
    """
    found = {name: folder / name for name in versions.PROGRAMS}
    if not found["etcd"].exists() and (folder / "server").exists():
        found["etcd"] = folder / "server"
    if not found["kubectl"].exists():
        found["kubectl"] = Path(shutil.which("kubectl") or found["kubectl"])
    missing = [name for name, path in found.items() if not os.access(path, os.X_OK)]
    if missing:
        raise SandboxError(f"{folder} lacks {', '.join(missing)}")
    return Binaries(*found.values())


def cache_folder() -> Path:
    """Where the programs are kept between sandboxes."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "modelway" / "binaries"


def locate(progress: Progress | None = None) -> Binaries:
    """The programs; downloaded or built, with progress, where this machine does not have them yet.

    Raises:
        SandboxError: they can be had in no way; the text says what was tried.
    """
    progress = progress or Progress()
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        try:
            return in_folder(Path(assets))
        except SandboxError as error:
            progress.say(f"KUBEBUILDER_ASSETS cannot be used: {error}")
    entry = cache_folder() / versions.key()
    if not entry.exists():
        with _only_one(cache_folder(), progress):
            if not entry.exists():
                _fill(entry, progress)
    return in_folder(entry)


@contextmanager
def _only_one(cache: Path, progress: Progress) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say("another process makes the control-plane programs: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(entry: Path, progress: Progress) -> None:
    for leftover in entry.parent.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(leftover)
    progress.say(f"The sandbox needs Kubernetes {versions.kubernetes()} and etcd {versions.etcd()} once:")
    try:
        progress.say("downloading the official builds")
        with _draft(entry) as folder:
            download(folder, progress)
    except SandboxError as error:
        progress.say(f"no official builds ({error})")
    else:
        return
    with _draft(entry) as folder:
        go = find_go(entry.parent, progress)
        progress.say(f"building from Go modules with {go}: about 5 minutes on 2 cores, less with a warm build cache")
        build(folder, go, progress)
    progress.say(f"built: {entry}")


@contextmanager
def _draft(entry: Path) -> Iterator[Path]:
    """A folder beside `entry` that becomes it when all went well, and vanishes otherwise."""
    folder = Path(tempfile.mkdtemp(dir=entry.parent, prefix=DRAFT_PREFIX))
    try:
        yield folder
        in_folder(folder)
        folder.chmod(0o755)
        folder.rename(entry)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
