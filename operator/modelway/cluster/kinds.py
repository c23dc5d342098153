"""The kinds of objects that the operator deals with, and where the API server keeps them."""

from dataclasses import dataclass

from modelway.api.labels import CHILD_SELECTOR
from modelway.api.meta import API_VERSION, KIND, PLURAL


@dataclass(frozen=True)
class Kind:
    """A kind and its address in the API."""

    name: str
    api_version: str
    plural: str

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version inside the group."""
        return self.api_version.rpartition("/")[2]

    def path(self, namespace: str | None, name: str = "") -> str:
        """The path of a collection, or of one object in it; `namespace` None means all of them."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")


OWNER_KIND = KIND
OWNER = Kind(OWNER_KIND, API_VERSION, PLURAL)
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
SERVICE = Kind("Service", "v1", "services")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers")
BUDGET = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets")
REVISION = Kind("ControllerRevision", "apps/v1", "controllerrevisions")
POD = Kind("Pod", "v1", "pods")
EVENT = Kind("Event", "v1", "events")
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases")

CHILDREN = (DEPLOYMENT, SERVICE, AUTOSCALER, BUDGET, REVISION)
"""Kinds that the operator creates, repairs and prunes."""

WATCHED = (OWNER, *CHILDREN, POD)
"""Kinds whose changes wake a pass."""

KIND_NAMED = {kind.name: kind for kind in (*WATCHED, EVENT)}


def selector_of(kind: Kind) -> str:
    """The label selector of a kind's LIST and watch; empty for ModelDeployments, which users label as they like."""
    return "" if kind is OWNER else CHILD_SELECTOR
