"""What a pass looks at: one ModelDeployment and everything around it.

Views hold only the fields that decisions read, so that the cache stays small. All are frozen, so that no decision changes what another one
sees.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from modelway.api.labels import CANARY, STABLE, name_on_track
from modelway.api.meta import refresh_of

JSON = Mapping[str, Any]
"""A JSON object, read only."""


class Key(NamedTuple):
    """Names one ModelDeployment."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class ChildId(NamedTuple):
    """Names one child of a ModelDeployment inside the namespace they share."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that the cluster reports on one of its objects."""

    type: str
    status: str
    reason: str
    message: str
    since: str = ""
    """When its status last changed, as the API writes times."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A ModelDeployment as watched."""

    key: Key
    uid: str
    generation: int
    resource_version: str
    deleting: bool
    document: JSON = field(repr=False)
    """apiVersion, kind, metadata (slim) and spec, as the user wrote them."""
    status: JSON = field(repr=False)

    @property
    def wanted(self) -> tuple[int, str]:
        """Tells apart what is asked for: the generation, and the annotation that makes a revision without a new generation."""
        return self.generation, refresh_of((self.document.get("metadata") or {}).get("annotations"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """An object with our label: whose it is, and whether it drifted."""

    id: ChildId
    uid: str
    resource_version: str
    owner_uid: str | None
    """UID of the controlling ModelDeployment; None when nothing of ours controls it."""
    owner_name: str | None
    owned_hash: str
    """Hash of the fields that the field manager `modelway` owns, values included."""
    deleting: bool
    created: str


class Pulling(NamedTuple):
    """How nodes pull the images of a pod template."""

    secrets: tuple[str, ...] = ()
    """The names of its pull Secrets."""
    policies: tuple[tuple[str, str], ...] = ()
    """Of each container, by name: when its image is pulled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentView(Child):
    """A Deployment and the state of its rollout."""

    generation: int
    observed_generation: int
    size: int
    """`spec.replicas`."""
    owns_size: bool
    """Whether `spec.replicas` is among the fields that we own."""
    revision: str | None
    """Revision hash of the pod template."""
    pulling: Pulling
    """How its images are pulled, as far as we own those fields."""
    paused: bool
    """Whether somebody keeps its controller from rolling out."""
    replicas: int
    updated: int
    ready: int
    available: int
    conditions: tuple[Condition, ...]
    by_gateway: bool = False
    """Whether it is marked as that of a candidate whose share of the requests a Gateway divides."""

    def reports_on(self, revision: str) -> bool:
        """Whether its status is about this revision: its controller has seen the present template."""
        return self.revision == revision and self.observed_generation >= self.generation

    def is_rolled_out(self, revision: str) -> bool:
        """Whether every pod is of this revision; says nothing of how many are up."""
        return self.reports_on(revision) and self.replicas == self.updated > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView(Child):
    """A Service."""

    address: str
    """Its cluster IP; empty before it has one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoscalerView(Child):
    """A HorizontalPodAutoscaler."""

    least: int
    most: int
    """The bounds of the number of pods."""
    reached: int
    """The most pods that it found or wanted at its last look; 0 before the first. It outlives the Deployment."""
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """A condition that the controller of a Gateway reports on a route."""

    type: str
    status: str
    reason: str
    message: str
    generation: int
    """That of the route that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteView(Child):
    """An HTTPRoute."""

    generation: int
    changed: str
    """When we last changed it, as the API writes times."""
    shares: Mapping[str, int]
    """What it sends to each Service, of 100 requests."""
    answers: tuple[RouteAnswer, ...]
    """Of the Gateway that its spec names; empty before its controller has looked at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionView(Child):
    """A ControllerRevision: the record of one revision."""

    number: int
    revision: str
    served: bool
    """Whether it is marked as having served once."""
    model: JSON
    """`uri`, `version`, `format` and `candidates` of its model, as far as the user set them."""
    digest: str
    """Of `data`, as `revision.digest_of` makes it."""
    data: JSON | None = field(default=None, repr=False)
    """The recorded data; None if it was not read, because many records are kept and few are needed."""
    evidence: str = field(default="", repr=False)
    """What its preflight found out, as `desired.evidence` writes it; empty before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView(Child):
    """A Job that proves a revision, or asks both revisions of a rollout known rows."""

    revision: str
    proof: str
    """The hash of what it tries."""
    finished: bool
    track: str = ""
    """That of its pods: whether it proves a revision, or asks known rows."""
    refusal: str = ""
    """Why the cluster refuses its pod, as far as a dry run told; empty where that is not known, or nothing."""


@dataclass(frozen=True, slots=True)
class Termination:
    """How a container's process ended."""

    exit_code: int
    reason: str
    message: str
    time: str = ""
    """When it ended, as the API writes times."""


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container of a pod, as its node reports it."""

    name: str
    image: str
    memory_limit: str
    """As its pod's spec writes it; empty where there is none."""
    ready: bool
    restarts: int
    running: bool
    waiting_reason: str
    waiting_message: str
    termination: Termination | None
    """How the present process ended."""
    previous_termination: Termination | None
    """How the process before the present one ended."""

    @property
    def failure(self) -> Termination | None:
        """The last end that was a failure; it stays while the container restarts.

        Exit code 0 is no failure, unless the container was restarted after it and so should have kept running.
        """
        last = self.termination or self.previous_termination
        again = self.restarts > 0 and self.termination is None
        return last if last is not None and (last.exit_code != 0 or again) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PodView:
    """A pod of a model."""

    name: str
    resource_version: str
    owner_name: str
    revision: str
    created: str
    deleting: bool
    ready: bool
    node: str
    """Where it runs; empty before it is scheduled."""
    node_lost: bool
    """Whether its node no longer reports its containers."""
    unschedulable: str | None
    """The scheduler's message when no node fits."""
    eviction: str | None
    """The node's message when the pod failed as a whole."""
    readiness_time: str
    """When its readiness last changed."""
    containers: tuple[ContainerView, ...]
    """Init containers first, in the order they run."""
    track: str = STABLE
    """Whether it serves, is one of a candidate, proves a revision, or asks known rows."""
    address: str = ""
    """Its IP; empty before it has one, where it has that of its node, and where no ReplicaSet made it."""
    proof: str = ""
    """The hash of what it tries, where it proves a revision."""
    controller: str = ""
    """The UID of the object that made it."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One ModelDeployment and everything around it, at one moment."""

    owner: Owner
    children: Mapping[ChildId, Child]
    """Every object of the kinds that we manage with our label and the owner's name, ours or not."""
    pods: tuple[PodView, ...] = ()
    """Those that are to serve all requests: none of a candidate."""
    preflight_pods: tuple[PodView, ...] = ()
    """Those that prove a revision."""
    last_size: int = 0
    """`spec.replicas` that the Deployment had when it was last seen; 0 when that is not known."""
    canary_pods: tuple[PodView, ...] = ()
    """Those of a candidate."""
    replay_pods: tuple[PodView, ...] = ()
    """Those that ask both revisions of a rollout known rows."""

    def owned(self, child: ChildId) -> Child | None:
        """The child of that name when this very ModelDeployment owns it."""
        view = self.children.get(child)
        return view if view is not None and view.owner_uid == self.owner.uid else None

    @property
    def own_children(self) -> tuple[Child, ...]:
        """Every child that this very ModelDeployment owns."""
        return tuple(one for one in self.children.values() if one.owner_uid == self.owner.uid)

    @property
    def deployment(self) -> DeploymentView | None:
        """The Deployment, when it exists and is ours."""
        view = self.owned(ChildId("Deployment", self.owner.key.name))
        return view if isinstance(view, DeploymentView) else None

    @property
    def canary(self) -> DeploymentView | None:
        """The Deployment of a candidate, when it exists and is ours."""
        view = self.owned(ChildId("Deployment", name_on_track(self.owner.key.name, CANARY)))
        return view if isinstance(view, DeploymentView) else None

    def pods_of(self, deployment: DeploymentView) -> tuple[PodView, ...]:
        """The pods of the main Deployment, or those of a candidate's."""
        return self.pods if deployment.id.name == self.owner.key.name else self.canary_pods

    @property
    def address(self) -> str:
        """The cluster IP of the Service that clients ask; empty before it has one."""
        view = self.owned(ChildId("Service", self.owner.key.name))
        return view.address if isinstance(view, ServiceView) and not view.deleting else ""

    @property
    def canary_address(self) -> str:
        """The cluster IP of the Service of a candidate; empty before it has one."""
        view = self.owned(ChildId("Service", name_on_track(self.owner.key.name, CANARY)))
        return view.address if isinstance(view, ServiceView) and not view.deleting else ""

    @property
    def autoscaler(self) -> AutoscalerView | None:
        """The HorizontalPodAutoscaler, when it exists and is ours."""
        view = self.owned(ChildId("HorizontalPodAutoscaler", self.owner.key.name))
        return view if isinstance(view, AutoscalerView) else None

    @property
    def route(self) -> RouteView | None:
        """The HTTPRoute, when it exists and is ours."""
        view = self.owned(ChildId("HTTPRoute", self.owner.key.name))
        return view if isinstance(view, RouteView) else None

    def record(self, revision: str | None) -> RevisionView | None:
        """The record of the revision with this hash, when it exists and is ours."""
        view = self.owned(ChildId("ControllerRevision", f"{self.owner.key.name}-{revision}"))
        return view if isinstance(view, RevisionView) else None

    @property
    def stable_revision(self) -> str | None:
        """The hash of the last revision that served all requests, as status says."""
        stable: JSON = self.owner.status.get("stable") or {}
        return stable.get("revision")

    @property
    def revisions(self) -> tuple[RevisionView, ...]:
        """The records of our revisions, newest first."""
        records = [one for one in self.own_children if isinstance(one, RevisionView)]
        return tuple(sorted(records, key=lambda one: (one.number, one.created), reverse=True))
