"""`/metrics/resource` of the kubelet: what the node and its containers use, for metrics-server and Prometheus.

Names, labels and time stamps are those of Kubernetes' own kubelet (pkg/kubelet/metrics/collectors/resource_metrics.go).
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from sandbox.node.usage import ContainerUsage, Used

CONTAINER = ("container", "namespace", "pod")
POD = ("namespace", "pod")
Labels = tuple[str, ...]
Readings = list[tuple[Labels, Used]]


def exposition(machine: Callable[[], Used], containers: Callable[[], Iterable[ContainerUsage]]) -> bytes:
    """All of it in Prometheus' text format, as of now."""
    return generate_latest(_Resources(machine, containers))


class _Resources(Collector):
    def __init__(self, machine: Callable[[], Used], containers: Callable[[], Iterable[ContainerUsage]]) -> None:
        self._machine = machine
        self._containers = containers

    def collect(self) -> Iterator[Metric]:
        try:
            node: Readings = [((), self._machine())]
            started, used = _read(self._containers())
        except (OSError, ValueError):
            yield from _verdict(1)
            return
        yield from _usage("node", "node", (), node)
        since = GaugeMetricFamily(
            "container_start_time_seconds",
            "[STABLE] Start time of the container since unix epoch in seconds",
            labels=CONTAINER,
        )
        for labels, moment in started:
            since.add_metric(labels, moment)
        yield since
        yield from _usage("container", "container", CONTAINER, used)
        yield from _usage("pod", "pod", POD, _by_pod(used))
        yield from _verdict(0)


def _read(containers: Iterable[ContainerUsage]) -> tuple[list[tuple[Labels, float]], Readings]:
    started: list[tuple[Labels, float]] = []
    used: Readings = []
    for one in containers:
        labels = (one.container, one.namespace, one.pod)
        started.append((labels, one.meter.started))
        used.append((labels, one.meter.read()))
    return started, used


def _by_pod(used: Readings) -> Readings:
    pods: dict[Labels, list[Used]] = defaultdict(list)
    for (_, *pod), one in used:
        pods[tuple(pod)].append(one)
    return [
        (pod, Used(sum(one.cpu_seconds for one in parts), sum(one.memory_bytes for one in parts)))
        for pod, parts in pods.items()
    ]


def _usage(prefix: str, noun: str, names: Labels, readings: Readings) -> Iterator[Metric]:
    now = time.time()
    cpu = CounterMetricFamily(
        f"{prefix}_cpu_usage_seconds_total",
        f"[STABLE] Cumulative cpu time consumed by the {noun} in core-seconds",
        labels=names,
    )
    memory = GaugeMetricFamily(
        f"{prefix}_memory_working_set_bytes", f"[STABLE] Current working set of the {noun} in bytes", labels=names
    )
    for labels, used in readings:
        cpu.add_metric(labels, used.cpu_seconds, timestamp=now)
        memory.add_metric(labels, used.memory_bytes, timestamp=now)
    yield cpu
    yield memory


def _verdict(error: int) -> Iterator[Metric]:
    text = "1 if there was an error while getting container metrics, 0 otherwise"
    yield GaugeMetricFamily("resource_scrape_error", f"[STABLE] {text}", value=error)
    yield GaugeMetricFamily("scrape_error", f"[ALPHA] (Deprecated since 1.29.0) {text}", value=error)
