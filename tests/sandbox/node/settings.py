"""What a process node is told at its start."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.capacity import CAPACITY

CHECKOUT = Path(__file__).parents[3]


def visible_paths() -> list[str]:
    """What every container must see of the machine, whatever is mounted over it: this Python and this checkout."""
    return sorted({os.path.realpath(path) for path in (sys.prefix, sys.base_prefix, CHECKOUT)})


@dataclass(frozen=True)
class Settings:
    """One node.

    Attributes:
        directory: the sandbox's directory; pods live below `pods/<uid>`.
        images: JSON file of image names, read again when it changes.
        address: InternalIP of the Node; pods get the other addresses of its /16.
        api_host: address of the API server as pods reach it.
        user_namespace: whether containers get a user namespace (root can do without).
        warm: whether containers of the model server begin as forks, see `templates`.
        restart_delay, restart_limit: seconds of the first and the longest pause before a crashed container runs again.
            A kubelet waits 10 s to 5 min; here time is short.
        pull_delay, pull_limit: the same for an image that is not there.
        capacity: what the Node offers, all of it to pods.
        housekeeping: seconds between looks at the sizes of emptyDir volumes.
        log_bytes: a container's log is turned over at this size; one older part is kept.
    """

    directory: Path
    images: Path
    address: str
    api_host: str
    api_port: int
    user_namespace: bool = True
    warm: bool = False
    name: str = "sandbox"
    kubelet_port: int = 10250
    restart_delay: float = 1.0
    restart_limit: float = 20.0
    pull_delay: float = 2.0
    pull_limit: float = 30.0
    housekeeping: float = 2.0
    log_bytes: int = 10 * 1024 * 1024
    capacity: Mapping[str, str] = field(default_factory=CAPACITY.copy)
    visible: list[str] = field(default_factory=visible_paths)

    @property
    def pods(self) -> Path:
        """Folder of all pods."""
        return self.directory / "pods"
