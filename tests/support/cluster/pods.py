"""Pods for tests: a line of Python in the `sandbox/python` image, allowed by Pod Security `restricted`."""

from typing import Any

from support.cluster.sandbox import Kubectl
from support.waiting import eventually

Object = dict[str, Any]

IMAGE = "sandbox/python"
SLEEP = "import time; time.sleep(600)"
# Not a port that programs of the machine like: one that listens on all addresses would take it from every pod.
PORT = 18473
SERVE = f"""
import http.server, os
address = os.environ["POD_IP"], {PORT}
http.server.ThreadingHTTPServer(address, http.server.SimpleHTTPRequestHandler).serve_forever()
"""
# Waits for `kubectl annotate pod pod go=...`; mount and volume for it follow.
AWAIT_GO = """
import os, time
while not open("/go/go").read():
    time.sleep(0.05)
"""
GO_MOUNT = {"name": "go", "mountPath": "/go"}
GO_VOLUME = {
    "name": "go",
    "downwardAPI": {"items": [{"path": "go", "fieldRef": {"fieldPath": "metadata.annotations['go']"}}]},
}
RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
POD_IP = {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}


def container(code: str = SLEEP, name: str = "main", **fields: Any) -> Object:
    """A container that runs `code`; `fields` go into it."""
    return {"name": name, "image": IMAGE, "args": ["-uc", code], "securityContext": RESTRICTED, **fields}


def pod(*containers: Object, name: str = "pod", **spec: Any) -> Object:
    """A pod of `containers` that ends a second after it is deleted; `spec` goes into its spec."""
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    base = {"containers": list(containers), "terminationGracePeriodSeconds": 1, "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {**base, **spec}}


def once(*containers: Object, **spec: Any) -> Object:
    """A pod that runs its containers once."""
    return pod(*containers, restartPolicy="Never", **spec)


def wait_for_end(kubectl: Kubectl, name: str = "pod") -> Object:
    """The pod once its phase is final; at most 30 s."""
    return eventually(lambda: _get_ended(kubectl, name))


def _get_ended(kubectl: Kubectl, name: str) -> Object:
    pod = kubectl.get("pod", name)
    assert pod["status"]["phase"] in ("Succeeded", "Failed"), pod["status"]
    return pod


def output(kubectl: Kubectl, manifest: Object) -> str:
    """What the only container of a pod that runs once has written."""
    kubectl.create(manifest)
    status = wait_for_end(kubectl)["status"]
    text = kubectl("logs", "pod")
    assert status["phase"] == "Succeeded", f"{status}\n{text}"
    return text


def state(kubectl: Kubectl, name: str = "main", pod: str = "pod") -> Object:
    """The status of one container."""
    status = kubectl.get("pod", pod)["status"]
    entries = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    status_of_container: Object = next(
        (entry for entry in entries if entry["name"] == name), {"state": {}, "ready": False}
    )
    return status_of_container


def waiting_reason(kubectl: Kubectl, name: str = "main") -> str:
    """Why a container waits; "" when it does not."""
    return str(state(kubectl, name)["state"].get("waiting", {}).get("reason", ""))


def is_ready(kubectl: Kubectl, name: str = "pod") -> bool:
    """Whether the pod's Ready condition is True."""
    conditions = kubectl.get("pod", name).get("status", {}).get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def events(kubectl: Kubectl, reason: str) -> list[str]:
    """Messages of the namespace's Events with that reason."""
    return [event["message"] for event in kubectl.list("events") if event["reason"] == reason]
