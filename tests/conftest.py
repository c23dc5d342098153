import gc
import os
import signal

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "support.cluster.sandbox",
    "support.cluster.installed",
    "support.cluster.crd",
    "support.stores.model_store",
    "support.cluster.deployed",
    "support.cluster.gitops",
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one more than there are processors, since a test of the cluster waits a fifth of its time."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of the cluster begin first, so that its sandbox ends with them, and of the others the long ones."""
    cluster = {item.path for item in items if item.get_closest_marker("cluster")}
    items.sort(key=lambda item: (item.path not in cluster, _turn(item.nodeid)))


def pytest_collection_finish() -> None:
    """Spare the collector of garbage what lives as long as the tests. The server collects at each loading of a model."""
    gc.collect()
    gc.freeze()


def _turn(nodeid: str) -> int:
    file = nodeid.partition("::")[0]
    return next((turn for turn, beginning in enumerate(LONG) if file.startswith(beginning)), len(LONG))


LONG = (
    "tests/cluster/test_argocd.py",
    "tests/cluster/test_autoscaling.py",
    "tests/cluster/",
    "tests/chart/",
    "tests/clients/",
    "tests/contract/",
    "tests/modelway_server/runtimes/",
    "tests/modelway_server/",
)
"""How the paths of files that take long begin, the longest first."""

# The same examples at each run, and no clock: on a busy machine a slow example is no finding.
settings.register_profile(
    "modelway", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("modelway")

# As an image would that holds packages of its own: these are the tests'. Servers that tests start inherit it.
os.environ["MODELWAY_TRUSTED_TYPES"] = "support.*"

# Tests may import ONNX Runtime before the server's package, which keeps it from reporting to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Many servers share the processors of this machine: a process that gives way to all others would hardly ever work.
os.environ["MODELWAY_COPIES"] = "usual"

# Threads of OpenMP that wait by spinning make training on a busy machine many times slower. What tests start inherits it.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

# A shell starts what runs in its background deaf to Ctrl-C, and every program below it; tests send it to theirs.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
