"""The control-plane programs: from `$KUBEBUILDER_ASSETS`, else a cache that a download or a build fills once.

`sandbox.binaries.parts` has the other programs that tests run.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from sandbox.binaries import cache, versions
from sandbox.binaries.build import build
from sandbox.binaries.progress import Progress
from sandbox.binaries.release import download
from sandbox.binaries.toolchain import find_go
from sandbox.errors import SandboxError


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
    paths = {name: folder / name for name in versions.PROGRAMS}
    if not paths["etcd"].exists() and (folder / "server").exists():
        paths["etcd"] = folder / "server"
    if not paths["kubectl"].exists():
        paths["kubectl"] = Path(shutil.which("kubectl") or paths["kubectl"])
    missing = [name for name, path in paths.items() if not os.access(path, os.X_OK)]
    if missing:
        raise SandboxError(f"{folder} lacks {', '.join(missing)}")
    return Binaries(*paths.values())


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
    return in_folder(cache.entry(versions.CONTROL_PLANE.key(), lambda entry: _fill(entry, progress), progress))


def _fill(entry: Path, progress: Progress) -> None:
    progress.say(f"The sandbox needs Kubernetes {versions.kubernetes()} and etcd {versions.etcd()} once:")
    try:
        progress.say("downloading the official builds")
        with cache.draft(entry, in_folder) as folder:
            download(folder, progress)
    except SandboxError as error:
        progress.say(f"no official builds ({error})")
    else:
        return
    with cache.draft(entry, in_folder) as folder:
        go = find_go(entry.parent, versions.CONTROL_PLANE.go(), progress)
        progress.say(f"building from Go modules with {go}: 5 to 10 minutes on 2 cores, less with a warm build cache")
        build(folder, versions.CONTROL_PLANE, go, progress)
        (folder / "server").rename(folder / "etcd")  # named after its Go package
    progress.say(f"built: {entry}")
