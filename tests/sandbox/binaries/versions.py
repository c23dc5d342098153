"""Which programs, in which version: read from `go.mod` files, so that it is written in one place."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
PROGRAMS = ("etcd", *KUBERNETES_PROGRAMS)


@dataclass(frozen=True)
class Module:
    """A Go module whose tools are the programs to build."""

    folder: Path
    name: str
    """Path of the Go module whose version names the whole."""

    @property
    def files(self) -> list[Path]:
        """The files that fix every module of the build."""
        return [self.folder / "go.mod", self.folder / "go.sum"]

    @property
    def version(self) -> str:
        """Version of the module `name`, as "v1.34.4"."""
        return self.required(self.name)

    def required(self, module: str) -> str:
        """The version of `module` in go.mod, as "v1.34.4"."""
        match = re.search(rf"^\t{re.escape(module)} (v\S+)", self._text(), re.MULTILINE)
        if match is None:
            raise ValueError(f"{self.folder}/go.mod does not require {module}")
        return match.group(1)

    def modules(self) -> int:
        """How many modules the build needs."""
        return len(re.findall(r"^\t\S+ v\S+(?: // indirect)?$", self._text(), re.MULTILINE))

    def go(self) -> tuple[int, int]:
        """The oldest Go release, as (1, 24), that builds the module."""
        match = re.search(r"^go (\d+)\.(\d+)", self._text(), re.MULTILINE)
        if match is None:
            raise ValueError(f"{self.folder}/go.mod names no go version")
        return int(match.group(1)), int(match.group(2))

    def key(self) -> str:
        """Version and content: another set of modules makes another key."""
        content = b"".join(path.read_bytes() for path in self.files)
        return f"{self.version}-{hashlib.sha256(content).hexdigest()[:12]}"

    def _text(self) -> str:
        return (self.folder / "go.mod").read_text()


CONTROL_PLANE = Module(Path(__file__).parent, "k8s.io/kubernetes")


def kubernetes() -> str:
    """Version of the Kubernetes programs."""
    return CONTROL_PLANE.version


def etcd() -> str:
    """Version of etcd."""
    return CONTROL_PLANE.required("go.etcd.io/etcd/server/v3")
