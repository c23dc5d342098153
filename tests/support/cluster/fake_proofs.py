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


def end_proof(kubectl: Kubectl, name: str, reason: str, choice: str = "") -> None:
    """Let the pod of a model's Job end with a verdict; its Job counts that a moment later.

    Args:
        kubectl: in the model's namespace.
        name: of the model.
        reason: the verdict.
        choice: the name of the model that serves, where several compete.
    """
    [pod] = eventually(lambda: [one for one in preflight_pods(kubectl, name) if _lives(one)])
    status = json.dumps({"status": _status(pod["spec"], reason, choice)})
    kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", status)


def end_replays(kubectl: Kubectl, name: str, bad: int) -> None:
    """Let the pods that ask known rows for a model end; of 1,000 answers a percentage is wrong. What a node says of a pod that starts would undo its end."""
    for pod in kubectl.list("pods", f"modelway.dev/name={name},modelway.dev/track=replay"):
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
            wrong = {"name": "disagreement", "bad": 10 * bad, "trials": 1000}
            failed = {"name": "failed", "bad": 0, "trials": 1000}
            report = {"reason": "Replayed", "message": "all were answered", "measures": [failed, wrong]}
            end = {"exitCode": 0, "reason": "Completed", "message": json.dumps(report), "finishedAt": END}
            identity = {"name": "replay", "image": "image", "imageID": "", "ready": False, "restartCount": 0}
            status = {"phase": "Succeeded", "containerStatuses": [{**identity, "state": {"terminated": end}}]}
            body = json.dumps({"status": status})
            kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", body)


def _lives(pod: Object) -> bool:
    return pod["status"].get("phase") == "Pending" and "deletionTimestamp" not in pod["metadata"]


def _status(spec: Object, reason: str, choice: str) -> Object:
    return {
        "phase": "Succeeded",
        "initContainerStatuses": [_container(one["name"], reason, choice) for one in spec["initContainers"]],
        "containerStatuses": [_container(one["name"], reason, choice) for one in spec["containers"]],
    }


def _container(name: str, reason: str, choice: str) -> Object:
    report: Object = {"reason": "Prepared", "engine": "native", "format": "sklearn"}
    if name.startswith("fetch"):
        report = {"reason": "Fetched", "digest": DIGEST}
    elif name == "prove":
        contest = {"choice": choice, "candidates": [{"name": choice, "value": 0.9}]} if choice else {}
        report = {"reason": reason, "message": "it is so", "remedy": "Do that.", **contest}
    end: dict[str, Any] = {"exitCode": 0, "reason": "Completed", "message": json.dumps(report), "finishedAt": END}
    identity = {"name": name, "image": "image", "imageID": "", "ready": False, "restartCount": 0}
    return {**identity, "state": {"terminated": end}}
