"""Operators of the test's own that contend for one Lease, and somebody who gives them something to write all the time."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sandbox import Sandbox
from support.background import background
from support.cluster.audit import Tenure
from support.cluster.crd import Requests
from support.cluster.deployed import NOWHERE
from support.operator.specs import manifest

LEASE = "modelway"


@dataclass
class Contender:
    """One operator's process."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        name: str,
        sandbox: Sandbox,
        namespace: str,
        *,
        kubeconfig: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> "Contender":
        """Start one that looks after `namespace`, and stands for election there.

        Args:
            name: of its pod.
            sandbox: the cluster.
            namespace: the only one that it watches.
            kubeconfig: how it reaches the API server; straight by default.
            settings: what else the platform decides, by its name in `Settings`.
        """
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(kubeconfig or sandbox.kubeconfig),
            "POD_NAME": name,
            "MODELWAY_LEASE": f"{namespace}/{LEASE}",
            "MODELWAY_WATCH_NAMESPACES": namespace,
            "MODELWAY_HEALTH_PORT": str(port),
            "MODELWAY_PREFLIGHT_ENABLED": "false",
            **{f"MODELWAY_{setting.upper()}": value for setting, value in (settings or {}).items()},
        }
        path = sandbox.directory / f"{name}.log"
        with path.open("ab") as log:
            command = [sys.executable, "-P", "-m", "modelway", "run"]
            return cls(name, port, subprocess.Popen(command, env=environment, stdout=log, stderr=log), path)

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text().splitlines()[-20:])

    @property
    def agent(self) -> str:
        """How it names itself to the API server."""
        return f"modelway ({self.name})"

    @property
    def ready(self) -> bool:
        """Whether it knows the cluster, leading or not."""
        try:
            return self._ask("/readyz").startswith("ok")
        except urllib.error.HTTPError:
            return False

    @property
    def leads(self) -> bool:
        """Whether it says that it leads."""
        return "modelway_operator_leader 1.0" in self.metrics().splitlines()

    def metrics(self) -> str:
        """What it tells Prometheus."""
        return self._ask("/metrics")

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal."""
        self.process.send_signal(number)

    def stop(self) -> None:
        """Ask it to end, and wait until it has given its Lease back."""
        self.signal(signal.SIGTERM)
        try:
            assert self.process.wait(20) == 0, self.last_words
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"it has not ended: {self.last_words}") from late

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait(20)

    def _ask(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise AssertionError(str(error)) from error


@dataclass
class Contest:
    """Two operators, and whoever takes the place of one that is gone."""

    sandbox: Sandbox
    namespace: str
    present: list[Contender] = field(default_factory=list)
    tenure: Tenure = field(init=False)
    """Who held the Lease when, and who wrote."""
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        """Read the sandbox's audit log from its beginning."""
        self.tenure = Tenure(self.sandbox.audit_log, LEASE)

    def join(self) -> Contender:
        """One more."""
        self.present.append(Contender.start(f"op-{next(self._numbers)}", self.sandbox, self.namespace))
        return self.present[-1]

    def leave(self, contender: Contender) -> None:
        """One less."""
        self.present.remove(contender)
        contender.end()

    def leader(self) -> Contender | None:
        """Who says to lead, once everybody is ready and there is exactly one."""
        leading = [one for one in self.present if one.leads]
        return leading[0] if len(leading) == 1 and all(one.ready for one in self.present) else None


@contextmanager
def stir_models(sandbox: Sandbox, namespace: str, models: int = 4) -> Iterator[None]:
    """While the block runs, models change several times a second."""

    def stir(over: threading.Event) -> None:
        with asyncio.Runner() as runner:
            requests = Requests(runner, sandbox)
            for number in itertools.count():
                if over.wait(0.1):
                    break
                spec = manifest(f"stirred-{number % models}", scaling={"replicas": number % 7 + 1}, scheduling=NOWHERE)
                requests.apply({**spec, "metadata": {**spec["metadata"], "namespace": namespace}})
            requests.close()

    with background(stir):
        yield
