"""Where the real node keeps its files, and its addresses: the same everywhere, since its network is its own."""

from dataclasses import dataclass
from pathlib import Path

from sandbox.binaries.cache import cache_folder
from sandbox.layout import Layout, Ports
from sandbox.network import Network

ROOT = Path(__file__).resolve().parents[2]
CACHE = cache_folder().parent / "e2e"
"""What later runs use again: base, image layers."""

RUN = CACHE / "run"
"""What lives as long as the cluster, as seen from outside."""

INSIDE = Path("/run/node")
"""`RUN` as seen from inside: short enough for the names of sockets."""

IMAGES = "localhost/modelway"
"""What the images built here are called, before the /; no registry answers there, so that only what was loaded can run."""

NODE_NAME = "sandbox"
NODE_ADDRESS = "10.250.0.1"
POD_RANGE = "10.244.0.0/24"
DNS_ADDRESS = "10.96.0.10"
DOMAIN = "cluster.local"


@dataclass(frozen=True)
class NodeNetwork(Network):
    """Addresses as on any cluster, instead of the sandbox's on loopback."""

    slot: int = 0

    @property
    def service_range(self) -> str:
        return "10.96.0.0/16"

    @property
    def api_service_address(self) -> str:
        """ClusterIP of the Service `default/kubernetes`."""
        return "10.96.0.1"

    @property
    def node_address(self) -> str:
        """InternalIP of the Node; a loopback address is refused by the kubelet."""
        return NODE_ADDRESS


LAYOUT = Layout(INSIDE, NodeNetwork(), Ports(etcd=2379, etcd_peer=2380, api_server=6443, metrics_server=4443))
"""Files and ports of the control plane, as seen from inside."""
