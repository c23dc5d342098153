"""Decide what to send to the cluster: which revision with which pod template, at what size, and what to take away. Pure.

The size of the Deployment is the delicate part, because two owners hand it to each other. While an autoscaler is wanted we never own
`spec.replicas`; but a field given up by its only owner falls back to its default of 1, so somebody must hold it meanwhile: the field
manager `modelway-handover` takes it at its present value first, and the autoscaler takes it from there with its first change.
"""

from dataclasses import dataclass, field
from typing import Any

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children
from modelway.desired.pinning import pinning_of, record_of, to_be_marked
from modelway.desired.revision import Revision, revision_of
from modelway.observed import Child, ChildId, DeploymentView, Observed, RevisionView
from modelway.settings import Settings

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One object to bring about."""

    id: ChildId
    body: Body = field(repr=False)
    handover: bool = False
    """Whether it is the hand-over of `spec.replicas`, under its own field manager."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass brings about, in this order: what goes, then what comes."""

    revision: str
    available: int
    """Pods that must serve before the ModelDeployment counts as ready."""
    autoscaled: bool
    prune: tuple[Child, ...]
    steps: tuple[Step, ...]
    follows: bool = False
    """Whether it replaces pods that serve, for no other reason than that the platform's settings changed."""
    waits: bool = False
    """Whether it would do so, and leaves them until it is this model's turn."""
    mark: RevisionView | None = None
    """The record to mark as that of a revision which served."""


def planned(deployment: ModelDeployment, observed: Observed, settings: Settings, *, may_follow: bool = True) -> Plan:
    """The plan for a ModelDeployment as it is asked for now, given what exists.

    Args:
        deployment: what is asked for.
        observed: what exists.
        settings: what the platform decides.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
    """
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    pinning = pinning_of(deployment, revision, record, observed, settings, may_follow=may_follow)
    number = record.number if record else max((one.number for one in observed.revisions), default=0) + 1
    bodies = build_children(
        deployment, revision, pinning.template, replicas=_fixed_size(deployment), settings=settings, number=number
    )
    bodies[0]["data"] = pinning.recorded
    scaling = deployment.spec.scaling
    autoscaled = scaling is not None and scaling.max is not None
    return Plan(
        revision=revision.hash,
        available=_fixed_size(deployment) or (scaling and scaling.min) or 1,
        autoscaled=autoscaled,
        prune=(
            *_unwanted_autoscaler(observed, autoscaled=autoscaled),
            *_old_revisions(observed, revision, settings),
            *((record,) if record is not None and pinning.outdated else ()),
        ),
        steps=tuple(step for body in bodies for step in _steps(body, deployment, observed, autoscaled=autoscaled)),
        mark=to_be_marked(observed, revision),
        follows=pinning.follows and may_follow,
        waits=pinning.follows and not may_follow,
    )


def _fixed_size(deployment: ModelDeployment) -> int | None:
    scaling = deployment.spec.scaling
    if scaling is not None and scaling.max is not None:
        return None
    return (scaling and scaling.replicas) or 1


# The size of the Deployment ---------------------------------------------------------------------------------------------------------------


def _steps(body: Body, deployment: ModelDeployment, observed: Observed, *, autoscaled: bool) -> list[Step]:
    id = ChildId(body["kind"], body["metadata"]["name"])  # noqa: A001 -- the field it fills is called so
    main = Step(id, body)
    if id.kind != "Deployment" or not autoscaled:
        return [main]
    present = observed.deployment
    if present is None:
        return _first_steps(main, deployment, observed)
    size = _size_to_hand_over(present, deployment, observed)
    return [main] if size is None else [_handover(main, size), main]


def _size_to_hand_over(present: DeploymentView, deployment: ModelDeployment, observed: Observed) -> int | None:
    """The size of a Deployment that still has to be given away: because it is ours, or because a crash cut its creation short."""
    least, _ = _bounds(deployment)
    if present.deleting:
        return None
    if present.owns_size:
        return present.size
    return least if observed.autoscaler is None and present.size < least else None


def _bounds(deployment: ModelDeployment) -> tuple[int, int]:
    scaling = deployment.spec.scaling
    return (scaling and scaling.min) or 1, (scaling and scaling.max) or 1


def _first_steps(main: Step, deployment: ModelDeployment, observed: Observed) -> list[Step]:
    """Create a Deployment under an autoscaler at the size it had before, within the bounds of today.

    Above the minimum it is created with its size, which is then handed over: a crash in between is found and finished by the next pass.
    At the minimum one write less will do, since the autoscaler itself would end there.
    """
    least, most = _bounds(deployment)
    size = min(max(_last_size(observed), least), most)
    if size == 1:
        return [main]
    if size == least:
        return [main, _handover(main, size)]
    sized = Step(main.id, {**main.body, "spec": {**main.body["spec"], "replicas": size}})
    return [sized, _handover(main, size), main]


def _last_size(observed: Observed) -> int:
    """What the Deployment had; where this operator did not see it go, what the autoscaler and status still tell of it.

    Status alone would not do: it counts the pods of now, and says 0 as soon as a pass could not make the Deployment anew.
    """
    told = observed.autoscaler.reached if observed.autoscaler else 0
    return observed.last_size or max(told, int(observed.owner.status.get("replicas") or 0))


def _handover(main: Step, size: int) -> Step:
    metadata = {name: main.body["metadata"][name] for name in ("name", "namespace")}
    identity = {name: main.body[name] for name in ("apiVersion", "kind")}
    return Step(main.id, {**identity, "metadata": metadata, "spec": {"replicas": size}}, handover=True)


# What goes --------------------------------------------------------------------------------------------------------------------------------


def _unwanted_autoscaler(observed: Observed, *, autoscaled: bool) -> tuple[Child, ...]:
    present = observed.autoscaler
    return (present,) if present is not None and not autoscaled and not present.deleting else ()


def _old_revisions(observed: Observed, wanted: Revision, settings: Settings) -> tuple[Child, ...]:
    """The records beyond the history limit, oldest of all; a revision that is wanted or still has pods is kept."""
    in_use = {wanted.hash, *(pod.revision for pod in observed.pods)}
    if observed.deployment is not None and observed.deployment.revision:
        in_use.add(observed.deployment.revision)
    spare = [one for one in observed.revisions if one.revision not in in_use and not one.deleting]
    return tuple(spare[settings.revision_history_limit :])
