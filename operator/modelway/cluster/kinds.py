"""The kinds of objects that the operator deals with: each is told here once, with its address and the rights that it takes.

A new child kind is one entry in `CHILDREN`. tests/modelway/cluster/test_kinds.py holds the builders and the
command line's inventory to this list, tests/chart/test_chart.py the chart's role.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelway.api.labels import CHILD_SELECTOR
from modelway.api.meta import API_VERSION, KIND, PLURAL

READ_RIGHTS = ("get", "list", "watch")
CHILD_RIGHTS = (*READ_RIGHTS, "create", "patch", "delete")


@dataclass(frozen=True)
class Kind:
    """A kind, its address in the API, and what it takes to deal with it."""

    name: str
    api_version: str
    plural: str
    optional: bool = False
    """Whether a cluster may go without it; the operator then works without it, and with it once it is served."""
    field: str = ""
    """The field of a ModelDeployment that asks for it; empty where each ModelDeployment has one, as far as the cluster serves it."""
    by_revision: bool = False
    """Whether there is one for each revision, named after it."""
    in_rollouts: bool = False
    """Whether there is one only while a rollout is under way."""
    rights: tuple[str, ...] = CHILD_RIGHTS
    """The verbs that the operator's role must allow."""

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version inside the group."""
        return self.api_version.rpartition("/")[2]

    def is_wanted_by(self, resource: Mapping[str, Any]) -> bool:
        """Whether a ModelDeployment, as the API server sends it, asks for the kind."""
        value: Any = resource
        for part in self.field.split(".") if self.field else ():
            value = (value or {}).get(part)
        return value is not None

    def path(self, namespace: str | None, name: str = "") -> str:
        """The path of a collection, or of one object in it; `namespace` None means all of them."""
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"
        scope = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{scope}/{self.plural}" + (f"/{name}" if name else "")

    def __str__(self) -> str:
        return f"{self.name} ({self.api_version})"


OWNER_KIND = KIND
OWNER = Kind(OWNER_KIND, API_VERSION, PLURAL, rights=READ_RIGHTS)
DEPLOYMENT = Kind("Deployment", "apps/v1", "deployments")
SERVICE = Kind("Service", "v1", "services")
AUTOSCALER = Kind(
    "HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers", optional=True, field="spec.scaling.max"
)
BUDGET = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", optional=True)
REVISION = Kind("ControllerRevision", "apps/v1", "controllerrevisions", by_revision=True)
JOB = Kind("Job", "batch/v1", "jobs", by_revision=True)
TRAFFIC = Kind("ConfigMap", "v1", "configmaps", in_rollouts=True)
ROUTE = Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes", optional=True, field="spec.exposure.gateway")
POD = Kind("Pod", "v1", "pods", rights=(*READ_RIGHTS, "create"))
EVENT = Kind("Event", "v1", "events", rights=("create", "patch"))
LEASE = Kind("Lease", "coordination.k8s.io/v1", "leases", rights=("get", "update", "create"))

CHILDREN = (DEPLOYMENT, SERVICE, AUTOSCALER, BUDGET, REVISION, JOB, TRAFFIC, ROUTE)
"""Kinds that the operator creates, repairs and prunes."""

WATCHED = (OWNER, *CHILDREN, POD)
"""Kinds whose changes wake a pass."""

KIND_NAMED = {kind.name: kind for kind in (*WATCHED, EVENT)}


def selector_of(kind: Kind) -> str:
    """The label selector of a kind's LIST and watch; empty for ModelDeployments, which users label as they like."""
    return "" if kind is OWNER else CHILD_SELECTOR
