"""Command lines of the control plane: the sandbox's, with the addresses and controllers of any cluster."""

from e2e.place import LAYOUT, NODE_ADDRESS
from sandbox import controlplane
from sandbox.binaries import Binaries


def commands(programs: Binaries) -> dict[str, list[str]]:
    """Name and command line of each program."""
    api_server = controlplane.api_server(programs.api_server, LAYOUT)
    controllers = controlplane.controller_manager(programs.controller_manager, LAYOUT)
    return {
        "etcd": controlplane.etcd(programs.etcd, LAYOUT),
        # Pods ask it too; a later flag wins.
        "kube-apiserver": [
            *api_server,
            "--bind-address=0.0.0.0",
            f"--advertise-address={NODE_ADDRESS}",
            "--endpoint-reconciler-type=lease",
        ],
        # The sandbox leaves out controllers that refuse loopback addresses.
        "kube-controller-manager": [flag for flag in controllers if not flag.startswith("--controllers=")],
        "kube-scheduler": controlplane.scheduler(programs.scheduler, LAYOUT),
    }
