"""Builders of what a pass observes: each argument is what the test is about, the rest is a quiet world."""

from collections.abc import Mapping
from typing import Any

from modelway.api.labels import CANARY, REFRESH_ANNOTATION, STABLE, name_on_track
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
    Observed,
    Owner,
    PodView,
    Pulling,
    RevisionView,
    RouteAnswer,
    RouteView,
    ServiceView,
    Termination,
)

KEY = Key("risk", "fraud")
UID = "uid-of-fraud"
NEW, OLD = "newrevisio", "oldrevisio"
PULLING = Pulling(policies=tuple((name, "IfNotPresent") for name in ("fetch", "prepare", "serve")))
"""How images are pulled when the platform says nothing of it."""


def owner(
    spec: Mapping[str, Any] | None = None,
    *,
    generation: int = 1,
    status: Mapping[str, Any] | None = None,
    refresh: str = "",
) -> Owner:
    """A ModelDeployment that serves one model."""
    metadata: dict[str, Any] = {
        "name": KEY.name,
        "namespace": KEY.namespace,
        "uid": UID,
        "generation": generation,
        "resourceVersion": "1",
        **({"annotations": {REFRESH_ANNOTATION: refresh}} if refresh else {}),
    }
    document = {
        "apiVersion": "modelway.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": metadata,
        "spec": spec or {"model": {"uri": "s3://models/fraud.joblib"}},
    }
    return Owner(KEY, UID, generation, "1", deleting=False, document=document, status=status or {})


def _child(kind: str, name: str, owner_uid: str | None) -> dict[str, Any]:
    return {
        "id": ChildId(kind, name),
        "uid": f"uid-of-{kind}-{name}",
        "resource_version": "1",
        "owner_uid": owner_uid,
        "owner_name": KEY.name,
        "owned_hash": "",
        "deleting": False,
        "created": "2026-01-01T00:00:00Z",
    }


def child(kind: str, name: str = KEY.name, *, owner_uid: str | None = UID) -> Child:
    """A Service or a PodDisruptionBudget."""
    return Child(**_child(kind, name, owner_uid))


def deployment(
    *,
    revision: str = NEW,
    size: int = 1,
    replicas: int | None = None,
    updated: int | None = None,
    available: int | None = None,
    owns_size: bool = False,
    observed: bool = True,
    paused: bool = False,
    pulling: Pulling | None = None,
    conditions: tuple[Condition, ...] = (),
    track: str = STABLE,
    by_gateway: bool = False,
) -> DeploymentView:
    """A Deployment that has `size` pods, all of its revision, all available."""
    total = size if replicas is None else replicas
    up = total if available is None else available
    return DeploymentView(
        **_child("Deployment", name_on_track(KEY.name, track), UID),
        generation=2,
        observed_generation=2 if observed else 1,
        size=size,
        owns_size=owns_size,
        revision=revision,
        pulling=PULLING if pulling is None else pulling,
        paused=paused,
        replicas=total,
        updated=total if updated is None else updated,
        ready=up,
        available=up,
        conditions=conditions,
        by_gateway=by_gateway,
    )


def canary_service(address: str = "10.96.0.7") -> ServiceView:
    """The Service of a candidate."""
    return ServiceView(**_child("Service", name_on_track(KEY.name, CANARY), UID), address=address)


def route(
    *, answers: tuple[RouteAnswer, ...] = (), changed: str = "", shares: Mapping[str, int] | None = None
) -> RouteView:
    """An HTTPRoute of generation 2 that leads to the Service of the model alone."""
    own = shares or {KEY.name: 100}
    return RouteView(**_child("HTTPRoute", KEY.name, UID), generation=2, changed=changed, shares=own, answers=answers)


def autoscaler(*conditions: Condition, least: int = 1, most: int = 3, reached: int = 0) -> AutoscalerView:
    """An autoscaler that is ours."""
    identity = _child("HorizontalPodAutoscaler", KEY.name, UID)
    return AutoscalerView(**identity, least=least, most=most, reached=reached, conditions=conditions)


def revision(
    name: str,
    number: int,
    *,
    template: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    served: bool = False,
    evidence: str = "",
) -> RevisionView:
    """The record of a revision, with its data read."""
    known = model or {"uri": f"s3://models/{name}"}
    data = {"inputs": {"model": known}, "template": template or {}}
    identity = _child("ControllerRevision", f"{KEY.name}-{name}", UID)
    return RevisionView(
        **identity,
        number=number,
        revision=name,
        served=served,
        model=known,
        digest=digest_of(data),
        data=data,
        evidence=evidence,
    )


def job(revision: str = NEW, *, proof: str = "", finished: bool = False) -> JobView:
    """The Job that proves a revision."""
    identity = _child("Job", f"{KEY.name}-{revision}-preflight", UID)
    return JobView(**identity, revision=revision, proof=proof, finished=finished)


def container(
    name: str = "serve",
    *,
    image: str = "modelway/server:1",
    memory_limit: str = "1Gi",
    ready: bool = False,
    restarts: int = 0,
    waiting: str = "",
    message: str = "",
    termination: Termination | None = None,
    before: Termination | None = None,
) -> ContainerView:
    """A container that is not up."""
    running = not waiting and termination is None
    return ContainerView(name, image, memory_limit, ready, restarts, running, waiting, message, termination, before)


def pod(
    *containers: ContainerView,
    name: str = "fraud-1",
    revision: str = NEW,
    ready: bool = False,
    lost: bool = False,
    unschedulable: str | None = None,
    eviction: str | None = None,
    changed: str = "",
    deleting: bool = False,
    created: str = "2026-01-01T00:00:00Z",
) -> PodView:
    """A pod of the model, not ready unless told so."""
    return PodView(
        name=name,
        resource_version="1",
        owner_name=KEY.name,
        revision=revision,
        created=created,
        deleting=deleting,
        ready=ready,
        node="node-1",
        node_lost=lost,
        unschedulable=unschedulable,
        eviction=eviction,
        readiness_time=changed,
        containers=containers,
    )


def observed(
    *children: Child,
    pods: tuple[PodView, ...] = (),
    preflight_pods: tuple[PodView, ...] = (),
    by: Owner | None = None,
    last_size: int = 0,
    reachable: bool = True,
    canary_pods: tuple[PodView, ...] = (),
) -> Observed:
    """What a pass sees; a Deployment has its Service beside it unless told otherwise."""
    deployed = any(isinstance(one, DeploymentView) for one in children)
    around = (*children, *([child("Service")] if deployed and reachable else []))
    return Observed(by or owner(), {one.id: one for one in around}, pods, preflight_pods, last_size, canary_pods)
