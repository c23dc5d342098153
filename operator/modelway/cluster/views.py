"""Turn objects as the API server sends them into the slim views that decisions read."""

from collections.abc import Callable, Mapping
from typing import Any

from modelway.api import conditions
from modelway.api.labels import (
    EVIDENCE_ANNOTATION,
    NAME_LABEL,
    PROOF_LABEL,
    REVISION_LABEL,
    ROUTED_ANNOTATION,
    SERVED_ANNOTATION,
    STABLE,
    TRACK_LABEL,
)
from modelway.cluster import kinds
from modelway.cluster.client import FIELD_MANAGER
from modelway.cluster.kinds import OWNER_KIND, Kind
from modelway.cluster.managed_fields import changed_at, hash_of, owned_fields, owns
from modelway.desired.image_pulls import pulling_of
from modelway.desired.revision import digest_of
from modelway.observed import (
    AutoscalerView,
    Child,
    ChildId,
    Condition,
    ContainerView,
    DeploymentView,
    JobView,
    Key,
    Owner,
    PodView,
    RevisionView,
    RouteAnswer,
    RouteView,
    ServiceView,
    Termination,
)

View = Owner | Child | PodView

_KEPT_METADATA = (
    "name",
    "namespace",
    "uid",
    "generation",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
)


def view(kind: Kind, obj: Mapping[str, Any]) -> View:
    """The slim view of an object of a watched kind."""
    if kind is kinds.OWNER:
        return _owner(obj)
    if kind is kinds.POD:
        return _pod(obj)
    return _child(kind, obj)


def owner_key(view: View, namespace: str) -> Key | None:
    """The ModelDeployment that a change of this object concerns."""
    if isinstance(view, Owner):
        return view.key
    return Key(namespace, view.owner_name) if view.owner_name else None


def _owner(obj: Mapping[str, Any]) -> Owner:
    metadata = obj["metadata"]
    slim = {name: metadata[name] for name in _KEPT_METADATA if name in metadata}
    return Owner(
        key=Key(metadata["namespace"], metadata["name"]),
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        resource_version=metadata["resourceVersion"],
        deleting="deletionTimestamp" in metadata,
        document={
            "apiVersion": kinds.OWNER.api_version,
            "kind": OWNER_KIND,
            "metadata": slim,
            "spec": obj.get("spec") or {},
        },
        status=obj.get("status") or {},
    )


def _child(kind: Kind, obj: Mapping[str, Any]) -> Child:
    owned = owned_fields(obj, FIELD_MANAGER)
    common = _common(kind, obj, owned)
    read = _READERS.get(kind.name)
    return read(common, obj, owned) if read is not None else Child(**common)


def _common(kind: Kind, obj: Mapping[str, Any], owned: Mapping[str, Any]) -> dict[str, Any]:
    metadata = obj["metadata"]
    owner = next(
        (o for o in metadata.get("ownerReferences") or () if o.get("controller") and o.get("kind") == OWNER_KIND), None
    )
    return {
        "id": ChildId(kind.name, metadata["name"]),
        "uid": metadata["uid"],
        "resource_version": metadata["resourceVersion"],
        "owner_uid": owner["uid"] if owner else None,
        "owner_name": owner["name"] if owner else (metadata.get("labels") or {}).get(NAME_LABEL),
        "owned_hash": hash_of(owned),
        "deleting": "deletionTimestamp" in metadata,
        "created": metadata.get("creationTimestamp") or "",
    }


def _deployment(obj: Mapping[str, Any], owned: Mapping[str, Any]) -> dict[str, Any]:
    spec, status = obj["spec"], obj.get("status") or {}
    labels = spec["template"].get("metadata", {}).get("labels") or {}
    return {
        "generation": obj["metadata"].get("generation", 0),
        "observed_generation": status.get("observedGeneration", 0),
        "size": spec.get("replicas", 1),
        "owns_size": owns(obj, FIELD_MANAGER, "spec", "replicas"),
        "revision": labels.get(REVISION_LABEL),
        "pulling": pulling_of((owned.get("spec") or {}).get("template") or {}),
        "paused": bool(spec.get("paused")),
        "replicas": status.get("replicas", 0),
        "updated": status.get("updatedReplicas", 0),
        "ready": status.get("readyReplicas", 0),
        "available": status.get("availableReplicas", 0),
        "conditions": _conditions(obj),
        "by_gateway": ROUTED_ANNOTATION in (obj["metadata"].get("annotations") or {}),
    }


def _autoscaler(obj: Mapping[str, Any]) -> dict[str, Any]:
    spec = obj["spec"]
    status = obj.get("status") or {}
    return {
        "least": spec.get("minReplicas", 1),
        "most": spec["maxReplicas"],
        "reached": max(status.get("currentReplicas") or 0, status.get("desiredReplicas") or 0),
        "conditions": _conditions(obj),
    }


def _revision(obj: Mapping[str, Any]) -> dict[str, Any]:
    labels, annotations = (obj["metadata"].get(part) or {} for part in ("labels", "annotations"))
    data = obj.get("data") or {}
    model = (data.get("inputs") or {}).get("model") or {}
    return {
        "number": obj.get("revision", 0),
        "revision": labels.get(REVISION_LABEL) or obj["metadata"]["name"].rpartition("-")[2],
        "served": SERVED_ANNOTATION in annotations,
        "model": {part: model[part] for part in ("uri", "version", "format", "candidates") if part in model},
        "digest": digest_of(data),
        "evidence": annotations.get(EVIDENCE_ANNOTATION, ""),
    }


def _job(obj: Mapping[str, Any]) -> dict[str, Any]:
    labels, stated = obj["metadata"].get("labels") or {}, _conditions(obj)
    ends = (conditions.find(stated, kind) for kind in ("Complete", "Failed"))
    return {
        "revision": labels.get(REVISION_LABEL, ""),
        "proof": labels.get(PROOF_LABEL, ""),
        "track": labels.get(TRACK_LABEL, ""),
        "finished": any(end is not None and end.status == "True" for end in ends),
    }


def _route(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What the Gateway says that the spec names; others may still speak of an earlier spec."""
    namespace = obj["metadata"]["namespace"]
    parents = [_parent(one, namespace) for one in obj["spec"].get("parentRefs") or ()]
    reports = (obj.get("status") or {}).get("parents") or ()
    own = (one for one in reports if _parent(one.get("parentRef") or {}, namespace) in parents)
    answers = (condition for one in own for condition in one.get("conditions") or ())
    backends = [one for rule in obj["spec"].get("rules") or () for one in rule.get("backendRefs") or ()]
    return {
        "generation": obj["metadata"].get("generation", 0),
        "changed": changed_at(obj, FIELD_MANAGER),
        "shares": {one["name"]: one.get("weight", 1) for one in backends},
        "answers": tuple(
            RouteAnswer(
                one.get("type", ""),
                one.get("status", ""),
                one.get("reason", ""),
                one.get("message", ""),
                one.get("observedGeneration", 0),
            )
            for one in answers
        ),
    }


def _parent(reference: Mapping[str, Any], namespace: str) -> tuple[str, str, str]:
    return reference.get("namespace") or namespace, reference.get("name", ""), reference.get("sectionName") or ""


def _conditions(obj: Mapping[str, Any]) -> tuple[Condition, ...]:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return tuple(
        Condition(c["type"], c["status"], c.get("reason", ""), c.get("message", ""), c.get("lastTransitionTime") or "")
        for c in conditions
    )


def _pod(obj: Mapping[str, Any]) -> PodView:
    metadata, status = obj["metadata"], obj.get("status") or {}
    labels = metadata.get("labels") or {}
    stated = _conditions(obj)
    scheduled, ready = conditions.find(stated, "PodScheduled"), conditions.find(stated, "Ready")
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    limits = _memory_limits(obj.get("spec") or {})
    controller: Mapping[str, Any] = next(
        (one for one in metadata.get("ownerReferences") or () if one.get("controller")), {}
    )
    return PodView(
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        owner_name=labels.get(NAME_LABEL, ""),
        revision=labels.get(REVISION_LABEL, ""),
        track=labels.get(TRACK_LABEL, STABLE),
        address=_address(status, controller),
        proof=labels.get(PROOF_LABEL, ""),
        controller=controller.get("uid", ""),
        created=metadata.get("creationTimestamp") or "",
        deleting="deletionTimestamp" in metadata,
        ready=ready is not None and ready.status == "True",
        node=(obj.get("spec") or {}).get("nodeName") or "",
        node_lost=_is_lost(stated, status),
        unschedulable=scheduled.message
        if scheduled and scheduled.status == "False" and scheduled.reason == "Unschedulable"
        else None,
        eviction=status.get("message", status["reason"])
        if status.get("phase") == "Failed" and status.get("reason")
        else None,
        readiness_time=_change_time(status),
        containers=tuple(_container(one, limits.get(one["name"], "")) for one in containers),
    )


def _address(status: Mapping[str, Any], controller: Mapping[str, Any]) -> str:
    """Where a pod of a Deployment may be asked. Labels alone are no proof: a pod that borrows them would choose whom the operator asks."""
    address: str = status.get("podIP") or ""
    is_own = controller.get("kind") == "ReplicaSet" and address != status.get("hostIP")
    return address if is_own else ""


def _is_lost(stated: tuple[Condition, ...], status: Mapping[str, Any]) -> bool:
    """Whether the pod was marked not ready by the cluster, its node being silent: the node itself last said that all is well."""
    ready, containers = conditions.find(stated, "Ready"), conditions.find(stated, "ContainersReady")
    if ready is None or ready.status == "True" or ready.reason == "ReadinessGatesNotReady":
        return False
    return status.get("reason") == "NodeLost" or (containers is not None and containers.status == "True")


def _change_time(status: Mapping[str, Any]) -> str:
    ready = conditions.find(status.get("conditions"), "Ready") or {}
    return ready.get("lastTransitionTime") or ""


def _memory_limits(spec: Mapping[str, Any]) -> dict[str, str]:
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return {one["name"]: ((one.get("resources") or {}).get("limits") or {}).get("memory", "") for one in containers}


def _container(status: Mapping[str, Any], memory_limit: str) -> ContainerView:
    state, before = status.get("state") or {}, status.get("lastState") or {}
    waiting = state.get("waiting") or {}
    return ContainerView(
        name=status["name"],
        image=status.get("image", ""),
        memory_limit=memory_limit,
        ready=bool(status.get("ready")),
        restarts=status.get("restartCount", 0),
        running="running" in state,
        waiting_reason=waiting.get("reason", ""),
        waiting_message=waiting.get("message", ""),
        termination=_termination(state),
        previous_termination=_termination(before),
    )


def _termination(state: Mapping[str, Any]) -> Termination | None:
    end = state.get("terminated")
    if not end:
        return None
    parts = {"exit_code": end.get("exitCode", 0), "time": end.get("finishedAt") or ""}
    return Termination(reason=end.get("reason", ""), message=end.get("message", ""), **parts)


_READERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]], Child]] = {
    kinds.DEPLOYMENT.name: lambda common, obj, owned: DeploymentView(**common, **_deployment(obj, owned)),
    kinds.SERVICE.name: lambda common, obj, _: ServiceView(
        **common, address=(obj.get("spec") or {}).get("clusterIP") or ""
    ),
    kinds.AUTOSCALER.name: lambda common, obj, _: AutoscalerView(**common, **_autoscaler(obj)),
    kinds.REVISION.name: lambda common, obj, _: RevisionView(**common, **_revision(obj)),
    kinds.ROUTE.name: lambda common, obj, _: RouteView(**common, **_route(obj)),
    kinds.JOB.name: lambda common, obj, _: JobView(**common, **_job(obj)),
}
"""What is kept of a child beside what all have, by its kind: from that, the object, and the fields that we own."""
