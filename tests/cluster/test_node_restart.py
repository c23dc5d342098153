"""What becomes of pods when the process node is killed, and when it comes back."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sandbox import Sandbox
from support.cluster.pods import container, is_ready, pod, state
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox whose node may be killed."""
    with Sandbox.start(tmp_path / "sandbox") as started:
        yield started


def test_pods_die_with_the_node_and_run_again_with_the_next(own_sandbox: Sandbox) -> None:
    kubectl = Kubectl(own_sandbox.kubectl, own_sandbox.kubeconfig, "default")
    kubectl.create(pod(container("import time; time.sleep(612)")))
    eventually(lambda: is_ready(kubectl))
    node = psutil.Process(next(part.pid for part in own_sandbox.parts() if part.name == "node"))
    command, environment = node.cmdline(), node.environ()
    address = kubectl.get("pod", "pod")["status"]["podIP"]
    os.kill(node.pid, signal.SIGKILL)
    eventually(lambda: not _sleeping())
    with subprocess.Popen(command, env=environment) as again:
        try:
            eventually(lambda: state(kubectl)["restartCount"] == 1 and is_ready(kubectl))
            assert kubectl.get("pod", "pod")["status"]["podIP"] == address
            assert state(kubectl)["lastState"]["terminated"]["message"] == "The node was restarted"
        finally:
            again.terminate()
    # SIGTERM ends the node and with it every pod's processes.
    assert not _sleeping()


def _sleeping() -> bool:
    processes = psutil.process_iter(["cmdline", "status"])
    return any("time.sleep(612)" in " ".join(p.info["cmdline"] or []) for p in processes)
