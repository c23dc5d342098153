"""Summarize a ModelDeployment by its status. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modelway.api import conditions
from modelway.api.meta import refresh_of
from modelway.api.scaling import Scaling
from modelway.api.status import NOT_SEEN
from modelway.status.reasons import Reason

NOT_SEEN_MESSAGE = "The operator has not looked at this spec yet. If that lasts: does it run, and is namespace {namespace} in its watch.namespaces?"


@dataclass(frozen=True)
class Summary:
    """One ModelDeployment; what is not known is empty."""

    namespace: str
    name: str
    ready: str
    """True, False or Unknown, of the present spec."""
    reason: str
    message: str
    stalled: bool
    available: bool
    caution: str
    """What to know of a model that is ready all the same."""
    ready_pods: int
    pods: int
    counted: str
    """Pods that serve, of those wanted: `2/3`."""
    scaling: str
    """`3`, or `2-10` under an autoscaler, with ` (!)` behind it when that does not work."""
    stable: str
    candidate: str
    rollout: Mapping[str, Any]
    """What status says of the last rollout; empty where there was none."""
    model: str
    url: str
    created: str

    def as_json(self) -> dict[str, Any]:
        """For programs; the names are those of status where it has them."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "ready": self.ready,
            "reason": self.reason,
            "message": self.message,
            "stalled": self.stalled,
            "available": self.available,
            "caution": self.caution or None,
            "pods": {"ready": self.ready_pods, "total": self.pods},
            "scaling": self.scaling,
            "stable": self.stable or None,
            "candidate": self.candidate or None,
            "rollout": dict(self.rollout) or None,
            "model": self.model,
            "url": self.url or None,
        }


def summary_of(resource: Mapping[str, Any]) -> Summary:
    """What the status of a ModelDeployment says, and what it cannot say yet."""
    metadata, status, spec = resource["metadata"], resource.get("status") or {}, resource.get("spec") or {}
    ready = condition(resource, "Ready")
    is_current = bool(ready) and is_observed(resource)
    return Summary(
        namespace=metadata["namespace"],
        name=metadata["name"],
        ready=ready["status"] if is_current else "Unknown",
        reason=ready["reason"] if is_current else NOT_SEEN,
        message=ready["message"] if is_current else NOT_SEEN_MESSAGE.format(namespace=metadata["namespace"]),
        stalled=is_current and condition(resource, "Stalled").get("status") == "True",
        available=condition(resource, "Available").get("status") == "True",
        ready_pods=status.get("readyReplicas", 0),
        caution=_caution(ready) if is_current else "",
        pods=status.get("replicas", 0),
        counted=status.get("pods") or f"{status.get('readyReplicas', 0)}/{status.get('replicas', 0)}",
        scaling=_scaling(resource, Scaling.of_stored(spec.get("scaling"))),
        stable=_revision(status.get("stable")),
        candidate=_revision(status.get("candidate")),
        rollout=status.get("rollout") or {},
        model=(spec.get("model") or {}).get("uri", ""),
        url=status.get("url", ""),
        created=metadata.get("creationTimestamp") or "",
    )


def is_observed(resource: Mapping[str, Any]) -> bool:
    """Whether the operator has looked at what is asked for at present."""
    metadata, status = resource["metadata"], resource.get("status") or {}
    judged = (status.get("observedGeneration"), status.get("observedRefresh") or "")
    return judged == (metadata.get("generation", 0), refresh_of(metadata.get("annotations")))


def condition(resource: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """A condition of a resource; empty when it has none of that type."""
    return conditions.find((resource.get("status") or {}).get("conditions"), kind) or {}


def remedy_of(reason: str) -> str:
    """What the catalogue says to do about a reason; empty where it has nothing to say."""
    known = next((one for one in Reason if one == reason), None)
    return known.remedy.replace("`", "") if known is not None else ""


def age(created: str, now: datetime) -> str:
    """How long ago a time of the API was, in kubectl's way: 45s, 12m, 3h, 9d."""
    try:
        seconds = max(int((now - datetime.fromisoformat(created)).total_seconds()), 0)
    except (ValueError, TypeError):
        return ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _caution(ready: Mapping[str, Any]) -> str:
    """What follows the first sentence on a model that is ready: that tells that all is well."""
    return str(ready["message"].partition(". ")[2]) if ready["status"] == "True" else ""


def _scaling(resource: Mapping[str, Any], scaling: Scaling) -> str:
    if not scaling.autoscaled:
        return str(scaling.fixed_size)
    fewest, most = scaling.bounds
    active = condition(resource, "AutoscalingActive")
    return f"{fewest}-{most}" + (" (!)" if active.get("status") == "False" else "")


def _revision(described: Mapping[str, Any] | None) -> str:
    """The user's own name for a revision, where it has one, else its hash."""
    return str(described.get("version") or described.get("revision", "")) if described else ""
