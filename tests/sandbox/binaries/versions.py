"""Which programs, in which version: read from `go.mod`, so that it is written in one place."""

import hashlib
import re
from pathlib import Path

MODULE = Path(__file__).parent
KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
PROGRAMS = ("etcd", *KUBERNETES_PROGRAMS)


def module_files() -> list[Path]:
    """The files that fix every module of the build."""
    return [MODULE / "go.mod", MODULE / "go.sum"]


def required(module: str) -> str:
    """The version of `module` in go.mod, as "v1.34.4"."""
    text = (MODULE / "go.mod").read_text()
    match = re.search(rf"^\t{re.escape(module)} (v\S+)", text, re.MULTILINE)
    if match is None:
        raise ValueError(f"go.mod does not require {module}")
    return match.group(1)


def kubernetes() -> str:
    """Version of the Kubernetes programs."""
    return required("k8s.io/kubernetes")


def etcd() -> str:
    """Version of etcd."""
    return required("go.etcd.io/etcd/server/v3")


def modules() -> int:
    """How many modules the build needs."""
    return len(re.findall(r"^\t\S+ v\S+(?: // indirect)?$", (MODULE / "go.mod").read_text(), re.MULTILINE))


def go() -> tuple[int, int]:
    """The oldest Go release, as (1, 24), that builds the module."""
    match = re.search(r"^go (\d+)\.(\d+)", (MODULE / "go.mod").read_text(), re.MULTILINE)
    if match is None:
        raise ValueError("go.mod names no go version")
    return int(match.group(1)), int(match.group(2))


def key() -> str:
    """Name of the cache entry: another set of modules makes another entry."""
    content = b"".join(path.read_bytes() for path in module_files())
    return f"{kubernetes()}-{hashlib.sha256(content).hexdigest()[:12]}"
