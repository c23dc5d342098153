"""Pods of Jobs that end as a test says, without a node: for tests about what the operator makes of a proof."""

import json
from typing import Any

from support.cluster.sandbox import Kubectl, Object
from support.waiting import eventually

DIGEST = "sha256:" + "a" * 64
END = "2026-01-01T00:00:09Z"


def preflight_pods(kubectl: Kubectl, name: str) -> list[Object]:
    """The pods that prove a revision of a model."""
    return kubectl.list("pods", f"modelway.dev/name={name},modelway.dev/track=preflight")


def jobs(kubectl: Kubectl, name: str) -> list[Object]:
    """The Jobs of a model."""
    return kubectl.list("jobs", f"modelway.dev/name={name}")


def end_proof(kubectl: Kubectl, name: str, reason: str) -> None:
    """Let the pod of a model's Job end with a verdict; its Job counts that a moment later."""
    [pod] = eventually(lambda: [one for one in preflight_pods(kubectl, name) if _lives(one)])
    status = json.dumps({"status": _status(pod["spec"], reason)})
    kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", status)


def _lives(pod: Object) -> bool:
    return pod["status"].get("phase") == "Pending" and "deletionTimestamp" not in pod["metadata"]


def _status(spec: Object, reason: str) -> Object:
    return {
        "phase": "Succeeded",
        "initContainerStatuses": [_container(one["name"], reason) for one in spec["initContainers"]],
        "containerStatuses": [_container(one["name"], reason) for one in spec["containers"]],
    }


def _container(name: str, reason: str) -> Object:
    reports: dict[str, Object] = {
        "fetch": {"reason": "Fetched", "digest": DIGEST},
        "prove": {"reason": reason, "message": "it is so", "remedy": "Do that."},
    }
    report = reports.get(name, {"reason": "Prepared", "engine": "native", "format": "sklearn"})
    end: dict[str, Any] = {"exitCode": 0, "reason": "Completed", "message": json.dumps(report), "finishedAt": END}
    identity = {"name": name, "image": "image", "imageID": "", "ready": False, "restartCount": 0}
    return {**identity, "state": {"terminated": end}}
