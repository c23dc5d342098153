"""The kubelet's `/metrics/resource`: the figures of real processes, for those who may read them."""

import ssl
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.cluster.pods import container, pod
from support.cluster.sandbox import Kubectl
from support.waiting import eventually

pytestmark = pytest.mark.cluster

BUSY = """
import subprocess, sys, time
while True:
    subprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 0.3: pass'])
"""
Figures = dict[tuple[str, ...], float]


@pytest.fixture
def scrape(kubectl: Kubectl, namespace: str) -> Callable[[str], Figures]:
    """Reads the figures of this namespace and the node with a bearer token, as metrics-server does inside a cluster."""
    status = kubectl.get("node", "sandbox")["status"]
    port = status["daemonEndpoints"]["kubeletEndpoint"]["Port"]
    address = next(one["address"] for one in status["addresses"] if one["type"] == "InternalIP")
    context = ssl._create_unverified_context()

    def read(token: str) -> Figures:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request = urllib.request.Request(f"https://{address}:{port}/metrics/resource", headers=headers)
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        samples = [sample for family in families for sample in family.samples]
        return {
            (one.name, *(one.labels[key] for key in sorted(one.labels) if key != "namespace")): one.value
            for one in samples
            if one.labels.get("namespace", namespace) == namespace
        }

    return read


@pytest.fixture
def token(kubectl: Kubectl, namespace: str, cluster_kubectl: Kubectl) -> str:
    """Of a ServiceAccount that may read the metrics of nodes."""
    name = f"reader-{namespace}"
    kubectl("create", "serviceaccount", "reader")
    cluster_kubectl("create", "clusterrole", name, "--verb=get", "--resource=nodes/metrics")
    cluster_kubectl(
        "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={namespace}:reader"
    )
    return kubectl("create", "token", "reader").strip()


def test_the_figures_of_a_pod_are_those_of_its_processes(
    kubectl: Kubectl, scrape: Callable[[str], Figures], token: str
) -> None:
    kubectl.create(pod(container(BUSY), name="busy"))
    cpu = ("container_cpu_usage_seconds_total", "main", "busy")

    def beyond(seconds: float) -> Figures:
        figures = scrape(token)
        return figures if figures.get(cpu, 0.0) > seconds else {}

    first = eventually(lambda: beyond(1), deadline=60)
    second = eventually(lambda: beyond(first[cpu] + 1), deadline=60)
    # Between the two, children of 0.3 s came and went: their time is kept by the one who waited for them.
    assert second["pod_cpu_usage_seconds_total", "busy"] == second[cpu]
    assert second["container_memory_working_set_bytes", "main", "busy"] > 1_000_000
    assert (
        second["container_start_time_seconds", "main", "busy"] == first["container_start_time_seconds", "main", "busy"]
    )
    assert second["node_cpu_usage_seconds_total",] > first["node_cpu_usage_seconds_total",]
    assert second["node_memory_working_set_bytes",] > 0
    assert (second["scrape_error",], second["resource_scrape_error",]) == (0, 0)


def test_strangers_are_turned_away(kubectl: Kubectl, scrape: Callable[[str], Figures]) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scrape("")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        scrape("forged")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        scrape(kubectl("create", "token", "default").strip())
