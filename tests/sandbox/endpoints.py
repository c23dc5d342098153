"""Which pods stand behind a Service: what the EndpointSlice controller decides, as pure functions.

(The controller itself cannot be used: EndpointSlices refuse loopback addresses.)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = Mapping[str, Any]


@dataclass(frozen=True, order=True)
class Address:
    """Where something listens."""

    host: str
    port: int


@dataclass(frozen=True)
class PodView:
    """What a Service needs to know of a pod.

    Attributes:
        host: the pod's address, "" before it has one.
        ready: whether it is Ready and not ending.
        ports: its named TCP ports.
    """

    labels: Mapping[str, str]
    host: str
    ready: bool
    terminating: bool
    ports: Mapping[str, int]


def view(pod: Object) -> PodView:
    """The pod as a Service sees it."""
    status = pod.get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", [])}
    ports = [port for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return PodView(
        labels=pod["metadata"].get("labels", {}),
        host=status.get("podIP", ""),
        ready=conditions.get("Ready") == "True",
        terminating="deletionTimestamp" in pod["metadata"] or status.get("phase") in {"Succeeded", "Failed"},
        ports={port["name"]: port["containerPort"] for port in ports if "name" in port},
    )


def selects(service: Object, labels: Mapping[str, str]) -> bool:
    """Whether the Service's selector matches `labels`; one without a selector matches nothing."""
    selector = service["spec"].get("selector")
    return bool(selector) and selector.items() <= labels.items()


def backends(service: Object, pods: Iterable[PodView]) -> dict[Address, tuple[Address, ...]]:
    """For each TCP port of the Service's ClusterIP, where its ready pods listen, sorted.

    A Service without a ClusterIP (headless, ExternalName) has none; a pod that lacks a named port is left out.
    """
    spec = service["spec"]
    cluster_ip = spec.get("clusterIP", "None")
    if cluster_ip in {"", "None"}:
        return {}
    unready_too = spec.get("publishNotReadyAddresses", False)
    serving = [
        pod
        for pod in pods
        if pod.host and not pod.terminating and (pod.ready or unready_too) and selects(service, pod.labels)
    ]
    tcp = [port for port in spec.get("ports", []) if port.get("protocol", "TCP") == "TCP"]
    return {Address(cluster_ip, port["port"]): _targets(port, serving) for port in tcp}


def _targets(port: Object, pods: Iterable[PodView]) -> tuple[Address, ...]:
    target = port.get("targetPort", port["port"])
    targets = ((pod.host, pod.ports.get(target) if isinstance(target, str) else target) for pod in pods)
    return tuple(sorted(Address(host, number) for host, number in targets if number is not None))
