"""The operator killed in the middle of its work, and back."""

import os
import signal

import psutil

from demo.load import Load
from e2e.conftest import Example
from e2e.test_serving import REQUEST
from support.cluster.installed import SYSTEM
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

SECONDS = 180.0
PODS = "app.kubernetes.io/instance=modelway"


def test_operator_killed_during_an_update_finishes_it_later(example: Example, cluster_kubectl: Kubectl) -> None:
    system = cluster_kubectl.in_namespace(SYSTEM)
    restarts = _restarts(system)
    with Load(example.infer, REQUEST) as load:
        versions = example.roll()
        os.kill(_operator().pid, signal.SIGKILL)
        eventually(lambda: _restarts(system) == restarts + 1, deadline=SECONDS)
        example.is_ready()
        eventually(lambda: load.tally().versions[versions[1]] > 0, deadline=SECONDS)
    assert load.tally().failures == {}


def _operator() -> psutil.Process:
    """Its process, which is seen from here as the containers' process ids lie below ours."""
    (operator,) = [
        one
        for one in psutil.process_iter(["cmdline"])
        if one.info["cmdline"][-2:] == ["/opt/modelway/bin/modelway", "run"]
    ]
    return operator


def _restarts(system: Kubectl) -> int:
    (pod,) = system.list("pods", PODS)
    count: int = pod["status"]["containerStatuses"][0]["restartCount"]
    return count
