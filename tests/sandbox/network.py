"""Addresses of one sandbox: all of 127.0.0.0/8 is local on Linux, so pods and Services get real addresses without privilege.

Several sandboxes may run on one machine (a demo that is kept, a test session beside it). Each takes a slot of its own:
slot 0 has Services in 127.96.0.0/16 and pods in 127.244.0.0/16, slot 1 the next ones, and so on.
"""

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.errors import SandboxError

KUBELET_PORT = 10250
SLOTS = 11
# Below the range the kernel hands out for outgoing connections, so that a port found free stays free.
PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Network:
    """The address ranges of the sandbox in `slot`."""

    slot: int

    @property
    def service_range(self) -> str:
        return f"127.{96 + self.slot}.0.0/16"

    @property
    def api_service_address(self) -> str:
        """ClusterIP of the Service `default/kubernetes`: always the first of the range."""
        return f"127.{96 + self.slot}.0.1"

    @property
    def node_address(self) -> str:
        """InternalIP of the Node; pods get the other addresses of its /16."""
        return f"127.{244 + self.slot}.0.1"


def claim_network() -> tuple[Network, socket.socket]:
    """The first free slot, and the socket that holds it.

    The claim is a name in the kernel (an abstract Unix socket): it lasts as long as any process has the socket open and
    leaves nothing behind, however those processes end. Hand the socket on to the parts of the sandbox.

    Raises:
        SandboxError: all slots are taken.
    """
    for slot in range(SLOTS):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0modelway-sandbox-{slot}")
        except OSError:
            claim.close()
            continue
        return Network(slot), claim
    raise SandboxError(f"{SLOTS} sandboxes run on this machine already: end one with `python -m sandbox down --dir D`")


def free_ports(count: int, candidates: Iterable[int] | None = None) -> list[int]:
    """`count` loopback ports on which nothing listens.

    Raises:
        SandboxError: there are not that many.
    """
    ports: list[int] = []
    for port in random.sample(PORTS, len(PORTS)) if candidates is None else candidates:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise SandboxError(f"needed {count} free ports on 127.0.0.1, found {len(ports)}")
