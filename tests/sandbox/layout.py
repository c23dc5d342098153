"""Where everything of one sandbox lies: files below its directory, ports on loopback."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.network import Network


@dataclass(frozen=True)
class Ports:
    """Loopback ports of the control plane."""

    etcd: int
    etcd_peer: int
    api_server: int
    metrics_server: int


@dataclass(frozen=True)
class Layout:
    """Paths and addresses of the sandbox in `directory` (absolute)."""

    directory: Path
    network: Network
    ports: Ports

    @property
    def server(self) -> str:
        """URL of the API server."""
        return f"https://127.0.0.1:{self.ports.api_server}"

    @property
    def etcd_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.etcd}"

    @property
    def pki(self) -> Path:
        return self.directory / "pki"

    @property
    def authority(self) -> Path:
        """Certificate of the authority that signed everything."""
        return self.pki / "ca.crt"

    @property
    def front_proxy_authority(self) -> Path:
        """Certificate of the authority that vouches for the API server when it speaks for a user: it must vouch for nobody else."""
        return self.pki / "front-proxy-ca.crt"

    @property
    def audit_policy(self) -> Path:
        return self.directory / "audit-policy.yaml"

    def kubeconfig(self, user: str) -> Path:
        """Kubeconfig of one part ("scheduler") or of the "admin"."""
        return kubeconfig_file(self.directory, user)


def log_file(directory: Path, part: str) -> Path:
    """Output of the part `part` ("etcd") of the sandbox in `directory`."""
    return directory / "logs" / f"{part}.log"


def audit_log(directory: Path) -> Path:
    """The API server's audit log: one JSON event a line, mutating requests only."""
    return directory / "logs" / "audit.jsonl"


def images_file(directory: Path) -> Path:
    """The map from image names to commands."""
    return directory / "images.json"


def kubeconfig_file(directory: Path, user: str) -> Path:
    """Kubeconfig of `user` ("admin") of the sandbox in `directory`."""
    return directory / "kubeconfigs" / f"{user}.yaml"


def record_file(directory: Path) -> Path:
    """What runs in the sandbox, and the sign that `directory` is one."""
    return directory / "sandbox.json"
