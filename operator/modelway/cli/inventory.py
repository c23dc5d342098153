"""List the objects around a ModelDeployment, one line each. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from modelway.api import conditions
from modelway.api.labels import REPLAY, REVISION_LABEL, TRACK_LABEL
from modelway.cli.summary import age
from modelway.cluster.kinds import CHILDREN, Kind
from modelway.cluster.snapshot import Object, Snapshot
from modelway.status.reasons import Reason, Topic
from modelway.wording import counted

_MOST_PODS = 8
_REFUSALS = frozenset(reason for reason in Reason if reason.topic is Topic.CLUSTER)


def inventory(snapshot: Snapshot, now: datetime) -> list[tuple[str, str]]:
    """Each object with what is to be said of it: children first, then pods, those that do not serve before the others."""
    name = snapshot.resource["metadata"]["name"]
    lines = [(f"{child['kind']} {child['metadata']['name']}", _child(child, snapshot)) for child in snapshot.children]
    present = {child["kind"] for child in snapshot.children}
    missing = [kind for kind in CHILDREN if kind.name not in present and _is_wanted(kind, snapshot.resource)]
    absent = [kind.name for kind in missing if not _is_withheld(kind, snapshot)]
    return [*lines, *((f"{kind} {name}", "is not there") for kind in absent), *_pods(snapshot.pods, now)]


def container_states(pod: Object) -> Iterator[str]:
    """What is to be said of each container that is neither done nor ready."""
    status = pod.get("status") or {}
    for container in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state = _container(container)
        if state:
            yield f"{container['name']} {state}"


def is_ready(pod: Object) -> bool:
    """Whether a pod serves."""
    return _condition(pod, "Ready").get("status") == "True" and not _is_going(pod)


def is_done(pod: Object) -> bool:
    """Whether a pod has ended as it should: one that proved a revision."""
    return (pod.get("status") or {}).get("phase") == "Succeeded"


def _is_wanted(kind: Kind, resource: Object) -> bool:
    """Whether a model should have an object of a kind under its own name."""
    return not (kind.by_revision or kind.in_rollouts) and kind.is_wanted_by(resource)


def _is_withheld(kind: Kind, snapshot: Snapshot) -> bool:
    return any(line.startswith(f"{kind.plural}:") for line in snapshot.withheld)


def _child(child: Object, snapshot: Snapshot) -> str:
    describe = DESCRIPTIONS.get(child["kind"])
    return describe(child, snapshot) if describe else ""


def _deployment(child: Object, snapshot: Snapshot) -> str:
    status = child.get("status") or {}
    template = (child["spec"]["template"].get("metadata") or {}).get("labels") or {}
    ready = f"{status.get('readyReplicas', 0)} of {counted(child['spec'].get('replicas', 1), 'pod')} ready"
    refused = _condition(child, "ReplicaFailure")
    # A Deployment repeats the refusals of earlier specs: they are told of the present one where the operator's verdict is one.
    holds = refused.get("status") == "True" and _condition(snapshot.resource, "Ready").get("reason") in _REFUSALS
    trouble = f"; pods are refused: {refused.get('message', '')}" if holds else ""
    newest = f"{status.get('updatedReplicas', 0)} of revision {template.get(REVISION_LABEL, 'unknown')}"
    return f"{ready}, {newest}{trouble}"


def _service(child: Object, _: Snapshot) -> str:
    ports = ", ".join(str(port["port"]) for port in child["spec"].get("ports") or ())
    return f"{child['spec'].get('clusterIP', 'no address yet')}, port {ports}"


def _autoscaler(child: Object, _: Snapshot) -> str:
    spec, status = child["spec"], child.get("status") or {}
    bounds = f"{spec.get('minReplicas', 1)} to {counted(spec['maxReplicas'], 'pod')}"
    measured = {one["resource"]["name"]: one for one in status.get("currentMetrics") or () if one.get("resource")}
    aims = []
    for metric in spec.get("metrics") or ():
        resource = metric.get("resource") or {}
        current = measured.get(resource.get("name"), {}).get("resource", {}).get("current", {})
        now = current.get("averageUtilization", "unknown")
        aims.append(f"{resource.get('name')} at {now}% of {resource.get('target', {}).get('averageUtilization')}%")
    return (
        f"{bounds}, now {status.get('currentReplicas', 0)}, wants {status.get('desiredReplicas', 0)}; {', '.join(aims)}"
    )


def _budget(child: Object, _: Snapshot) -> str:
    return f"a drain may take {counted((child.get('status') or {}).get('disruptionsAllowed', 0), 'pod')} now"


def _record(child: Object, snapshot: Snapshot) -> str:
    revision = ((child["metadata"].get("labels") or {}).get(REVISION_LABEL)) or child["metadata"]["name"]
    status = snapshot.resource.get("status") or {}
    roles = [
        word
        for word, field in (("serves", "stable"), ("comes", "candidate"))
        if (status.get(field) or {}).get("revision") == revision
    ]
    return ", ".join([f"record {child.get('revision', 0)}", *(roles or ["kept to go back to"])])


def _job(child: Object, _: Snapshot) -> str:
    status = child.get("status") or {}
    if status.get("succeeded"):
        return "ended; its pod's log has the whole report"
    labels = child["metadata"].get("labels") or {}
    work = "asks both revisions known rows" if labels.get(TRACK_LABEL) == REPLAY else "tries the revision"
    return work if status.get("active") else "waits for its pod"


def _route(child: Object, _: Snapshot) -> str:
    spec = child["spec"]
    gateways = ", ".join(one["name"] for one in spec.get("parentRefs") or ())
    hosts = ", ".join(spec.get("hostnames") or ("any host name",))
    paths = [match["path"]["value"] for rule in spec.get("rules") or () for match in rule.get("matches") or ()]
    return f"Gateway {gateways}, {hosts}, {', '.join(paths)}"


DESCRIPTIONS: Mapping[str, Callable[[Object, Snapshot], str]] = {
    "Deployment": _deployment,
    "Service": _service,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _budget,
    "ControllerRevision": _record,
    "Job": _job,
    "HTTPRoute": _route,
    "ConfigMap": lambda _, __: "tells the pods that serve what share of requests the candidate gets",
}
"""What is to be said of a child, by its kind."""


def _pods(pods: Iterable[Object], now: datetime) -> Iterator[tuple[str, str]]:
    ordered = sorted(pods, key=lambda pod: (is_ready(pod), pod["metadata"].get("creationTimestamp") or ""))
    for pod in ordered[:_MOST_PODS]:
        metadata = pod["metadata"]
        revision = (metadata.get("labels") or {}).get(REVISION_LABEL, "unknown")
        born = age(metadata.get("creationTimestamp") or "", now)
        yield f"Pod {metadata['name']}", f"revision {revision}, {born} old, {_pod(pod)}"
    if len(ordered) > _MOST_PODS:
        yield (
            "",
            f"and {counted(len(ordered) - _MOST_PODS, 'pod')} more, {sum(map(is_ready, ordered[_MOST_PODS:]))} of them ready",
        )


def _pod(pod: Object) -> str:
    status = pod.get("status") or {}
    if _is_going(pod):
        return "is going"
    if is_ready(pod):
        return "ready"
    if is_done(pod):
        return "has tried the revision"
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"waits for a node: {scheduled.get('message', '')}"
    if status.get("phase") == "Failed" and status.get("reason"):
        return f"ended by its node: {status['reason']}: {status.get('message', '')}"
    return "; ".join(container_states(pod)) or "not ready yet"


def _container(container: Mapping[str, Any]) -> str:
    state, before = container.get("state") or {}, container.get("lastState") or {}
    restarts = container.get("restartCount", 0)
    again = f", started again {restarts} time{'s' if restarts > 1 else ''}" if restarts else ""
    ended = state.get("terminated") or {}
    if ended:
        return f"{_end(ended)}{again}" if ended.get("exitCode") else ""
    last = f", ended before: {_end(before['terminated'])}" if before.get("terminated") else ""
    if "running" in state:
        return "" if container.get("ready") else f"runs, not ready{again}{last}"
    waiting = state.get("waiting") or {}
    if waiting.get("reason") == "PodInitializing":
        return ""
    cause = ": ".join(part for part in (waiting.get("reason"), waiting.get("message")) if part)
    return f"waits: {cause or 'not started yet'}{again}{last}"


def _end(ended: Mapping[str, Any]) -> str:
    reason = ended.get("reason", "")
    return f"exit code {ended.get('exitCode')}" + (f" ({reason})" if reason not in {"", "Error"} else "")


def _condition(child: Object, kind: str) -> Mapping[str, Any]:
    return conditions.find((child.get("status") or {}).get("conditions"), kind) or {}


def _is_going(pod: Object) -> bool:
    return "deletionTimestamp" in pod["metadata"]
