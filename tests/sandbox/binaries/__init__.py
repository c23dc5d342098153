"""The four control-plane programs: from `$KUBEBUILDER_ASSETS`, else from a cache that a download or a build fills."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

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
    """The programs in `folder`; etcd may be called by its Go package's name, `server`.

    Raises:
        SandboxError: one is not there.
    """
    etcd = folder / "etcd" if (folder / "etcd").exists() else folder / "server"
    kubectl = shutil.which("kubectl", path=f"{folder}{os.pathsep}{os.environ.get('PATH', '')}") or "kubectl"
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    programs = [etcd, *(folder / name for name in names), folder / kubectl]
    missing = [path.name for path in programs if not os.access(path, os.X_OK)]
    if missing:
        raise SandboxError(f"{folder} lacks {', '.join(missing)}")
    return Binaries(*programs)


def locate() -> Binaries:
    """The programs, wherever they come from."""
    return in_folder(Path(os.environ["KUBEBUILDER_ASSETS"]))
