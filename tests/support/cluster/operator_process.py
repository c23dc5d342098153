"""The operator as a process of the test, which reaches the API server as its kubeconfig says."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp.test_utils import unused_port

_OPERATOR = """
import sys
import modelway.handlers
import modelway.cluster.watches
modelway.handlers.INACTIVITY_SECONDS = float(sys.argv[1])
modelway.cluster.watches.DEAF_SECONDS = float(sys.argv[2])
from modelway.__main__ import main
sys.exit(main(["run"]))
"""


@dataclass
class Operator:
    """The operator's process."""

    kubeconfig: Path
    log: Path
    port: int = field(default_factory=unused_port)
    namespaces: tuple[str, ...] = ()
    """Those watched; all when empty."""
    inactivity: float = 5.0
    """After how many silent seconds kopf gives up a connection."""
    deaf: float = 150.0
    """After how many silent seconds a watch counts as dead."""
    program: str = _OPERATOR
    """What runs; its arguments are `inactivity` and `deaf`."""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, as a pod would: where an API server that is away is waited for."""
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(self.kubeconfig),
            "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "MODELWAY_WATCH_NAMESPACES": ",".join(self.namespaces),
            "MODELWAY_HEALTH_PORT": str(self.port),
            "MODELWAY_SERVICE_PORT": "8080",
            "MODELWAY_DRAIN_SECONDS": "0",
            "MODELWAY_PREFLIGHT_ENABLED": "false",
        }
        with self.log.open("ab") as log:
            command = [sys.executable, "-P", "-c", self.program, str(self.inactivity), str(self.deaf)]
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(20)

    @property
    def alive(self) -> bool:
        """Whether the process that was started still runs."""
        return self.process is not None and self.process.poll() is None

    def metrics(self) -> str:
        """What a scrape gets."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=10) as answer:
                return str(answer.read(), "utf-8")
        except OSError as error:
            raise AssertionError(str(error)) from error

    def probe(self, endpoint: str) -> int:
        """The status that /livez or /readyz answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{endpoint}", timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError as error:
            raise AssertionError(str(error)) from error
