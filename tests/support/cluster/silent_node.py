"""A Node without a kubelet: pods are bound to it, and what a kubelet would say of them the test says, or nobody does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from support.cluster.sandbox import Kubectl, Object

CAPACITY = {"cpu": "4", "memory": "8Gi", "pods": "50"}


@contextmanager
def silent_node(kubectl: Kubectl, name: str, *, taints: list[Object] | None = None) -> Iterator[str]:
    """A Node that reported once that all is well; its name, which is also its label `example.com/room`."""
    labels = {"example.com/room": name, "kubernetes.io/hostname": name}
    metadata = {"name": name, "labels": labels}
    kubectl.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": taints or []}})
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastHeartbeatTime": _now()}
    status = {"capacity": CAPACITY, "allocatable": CAPACITY, "conditions": [{**ready, "lastTransitionTime": _now()}]}
    _patch(kubectl, "node", name, status)
    try:
        yield name
    finally:
        kubectl.discard("node", name)


def report_ready(kubectl: Kubectl, pod: Object) -> None:
    """Say of a pod what its kubelet says once its containers are well."""
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": _now()}
        for kind in ("Initialized", "ContainersReady", "Ready", "PodScheduled")
    ]
    status = {"phase": "Running", "conditions": conditions, "startTime": _now()}
    _patch(kubectl, "pod", pod["metadata"]["name"], status)


def _patch(kubectl: Kubectl, kind: str, name: str, status: Any) -> None:
    kubectl("patch", kind, name, "--subresource=status", "--type=strategic", "-p", json.dumps({"status": status}))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
