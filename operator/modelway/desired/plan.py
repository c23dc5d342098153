"""Decide what to send to the cluster: which revision with which pod template, at what size, and what to prune. Pure.

The size of the Deployment is the delicate part, because two owners hand it to each other. Under an autoscaler we never own `spec.replicas`.
But a field that its only owner gives up falls back to its default of 1. So the field manager `modelway-handover` first takes the field at its
present value, and the autoscaler takes it over with its first change.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway.api.labels import REPLAY
from modelway.api.scaling import Scaling
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import build_children, controller_revision
from modelway.desired.evidence import Evidence, with_pins
from modelway.desired.pinning import pinning_of, record_of, record_to_mark
from modelway.desired.revision import Revision, revision_of
from modelway.observed import Child, ChildId, DeploymentView, JobView, Observed, RevisionView
from modelway.rollout.state import Phase, RolloutState
from modelway.settings import Settings

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One object to apply."""

    id: ChildId
    body: Body = field(repr=False)
    handover: bool = False
    """Whether it is the hand-over of `spec.replicas`, under its own field manager."""


def step_of(body: Body) -> Step:
    """The step that applies an object."""
    return Step(ChildId(body["kind"], body["metadata"]["name"]), body)


@dataclass(frozen=True, slots=True)
class Plan:
    """What one pass does: prune children, then apply the steps in their order."""

    revision: str
    available: int
    """Pods that must serve before the ModelDeployment counts as ready."""
    autoscaled: bool
    prune: tuple[Child, ...]
    steps: tuple[Step, ...]
    follows: bool = False
    """Whether only a change of the platform's settings makes it replace serving pods."""
    holds_back: bool = False
    """Whether it leaves a candidate in place for a while that is to be pruned, or to make room for the next one."""
    behind: str | None = None
    """The hash of a candidate of before which it leaves in place, so that the pods of this revision wait; None where they need not."""
    waits: bool = False
    """Whether it would do so, but waits for this model's turn."""
    record_to_mark: RevisionView | None = None
    """The record of a revision that served, to be marked so; None if there is none to mark."""
    closed: bool = False
    """Whether the revision must be proved before pods run it."""
    starts_job: bool = False
    """Whether it begins to prove the revision."""
    misses_stable: bool = False
    """Whether it cannot, because the revision to compare with is not on record."""
    queued: bool = False
    """Whether it would, but waits for this model's turn."""
    evidence: Evidence | None = None
    """What its preflight found out; None before that, and for a revision that served without one."""
    replay: str = ""
    """The hash of what the Job asks that sends known rows to both revisions; empty where there is none."""
    beside: str | None = None
    """The hash of the revision that serves while this one comes by a rollout, or was rolled back; None where it takes all requests."""


def make_plan(
    deployment: ModelDeployment,
    observed: Observed,
    settings: Settings,
    *,
    may_follow: bool = True,
    evidence: Evidence | None = None,
) -> Plan:
    """Make the plan for the present spec of a ModelDeployment, given what exists.

    Args:
        deployment: what is asked for.
        observed: what exists.
        settings: what the platform decides.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
        evidence: what the preflight of its revision found out; its pods fetch those very bytes.
    """
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    pinning = pinning_of(deployment, revision, record, observed, settings, may_follow=may_follow, evidence=evidence)
    scaling = deployment.spec.scaling or Scaling()
    bodies = build_children(
        deployment,
        revision,
        with_pins(pinning.template, evidence),
        replicas=scaling.fixed_size,
        settings=settings,
        data=pinning.data,
        number=number_of(observed, record),
        evidence=evidence.to_text() if evidence else "",
    )
    steps = tuple(step for body in bodies for step in _steps(body, scaling, observed))
    fewest, _ = scaling.bounds
    return Plan(
        revision=revision.hash,
        available=fewest,
        autoscaled=scaling.autoscaled,
        prune=(
            *unwanted_children(observed, steps, revision, evidence),
            *_old_revisions(observed, revision, settings),
            *((record,) if record is not None and pinning.outdated else ()),
        ),
        steps=steps,
        record_to_mark=record_to_mark(observed, revision),
        follows=pinning.follows and may_follow,
        waits=pinning.follows and not may_follow,
        evidence=evidence,
    )


def number_of(observed: Observed, record: RevisionView | None) -> int:
    """The ordinal of a revision: that of its record, or the next one."""
    return record.number if record else max((one.number for one in observed.revisions), default=0) + 1


def record_step(
    deployment: ModelDeployment, observed: Observed, data: Mapping[str, Any], evidence: Evidence | None
) -> Step:
    """The step that records the revision that is asked for, while another one serves.

    Args:
        deployment: what is asked for.
        observed: what exists.
        data: what the record holds.
        evidence: what the preflight of the revision found out, if anything.
    """
    revision = revision_of(deployment)
    number = number_of(observed, record_of(observed, revision))
    text = evidence.to_text() if evidence else ""
    return step_of(controller_revision.build(deployment, revision.hash, data, number=number, evidence=text))


# The size of the Deployment ---------------------------------------------------------------------------------------------------------------


def _steps(body: Body, scaling: Scaling, observed: Observed) -> list[Step]:
    main = step_of(body)
    if main.id.kind != "Deployment" or not scaling.autoscaled:
        return [main]
    present = observed.deployment
    if present is None:
        return _first_steps(main, scaling, observed)
    size = _size_to_hand_over(present, scaling, observed)
    return [main] if size is None else [_handover(main, size), main]


def _size_to_hand_over(present: DeploymentView, scaling: Scaling, observed: Observed) -> int | None:
    """The size of a Deployment to hand over, because we own it or because a crash interrupted its creation; else None."""
    fewest, _ = scaling.bounds
    if present.deleting:
        return None
    if present.owns_size:
        return present.size
    return fewest if observed.autoscaler is None and present.size < fewest else None


def _first_steps(main: Step, scaling: Scaling, observed: Observed) -> list[Step]:
    """Create a Deployment under an autoscaler at the size it had before, within today's bounds.

    Above the minimum it is created with its size, which is then handed over. The next pass finishes a hand-over that a crash interrupted.
    At the minimum one write less is enough, because the autoscaler itself would end there.
    """
    fewest, most = scaling.bounds
    size = min(max(_last_size(observed), fewest), most)
    if size == 1:
        return [main]
    if size == fewest:
        return [main, _handover(main, size)]
    sized = Step(main.id, {**main.body, "spec": {**main.body["spec"], "replicas": size}})
    return [sized, _handover(main, size), main]


def _last_size(observed: Observed) -> int:
    """The size before the Deployment went; if this operator did not see it go, the size in the autoscaler or status.

    Status alone is not enough: it counts present pods, so it says 0 once a pass failed to create the Deployment again.
    """
    reached = observed.autoscaler.reached if observed.autoscaler else 0
    return observed.last_size or max(reached, int(observed.owner.status.get("replicas") or 0))


def _handover(main: Step, size: int) -> Step:
    metadata = {name: main.body["metadata"][name] for name in ("name", "namespace")}
    identity = {name: main.body[name] for name in ("apiVersion", "kind")}
    return Step(main.id, {**identity, "metadata": metadata, "spec": {"replicas": size}}, handover=True)


# What is pruned ---------------------------------------------------------------------------------------------------------------------------


def unwanted_children(
    observed: Observed, steps: Iterable[Step], revision: Revision, evidence: Evidence | None = None
) -> tuple[Child, ...]:
    """Our children that no step wants, of whatever kind; records of revisions have a rule of their own.

    The finished Job of the present revision stays with its log, until Kubernetes removes it. So does the one that found out the evidence:
    its pod may end a moment before it does, and must be there until the evidence is recorded.
    """
    wanted = {step.id for step in steps}
    present = (one for one in observed.own_children if not isinstance(one, RevisionView) and not one.deleting)
    return tuple(one for one in present if one.id not in wanted and not _is_over(one, revision, evidence))


def _is_over(child: Child, revision: Revision, evidence: Evidence | None) -> bool:
    if not isinstance(child, JobView) or child.revision != revision.hash or child.track == REPLAY:
        return False
    return child.finished or (evidence is not None and child.proof == evidence.proof)


def _old_revisions(observed: Observed, wanted: Revision, settings: Settings) -> tuple[Child, ...]:
    """The oldest records beyond the history limit; a revision that is wanted, serves or has pods is kept, and those of a rollout."""
    in_use = {wanted.hash, observed.stable_revision, *_revisions_of_rollout(observed)}
    in_use |= {pod.revision for pod in (*observed.pods, *observed.canary_pods)}
    if observed.deployment is not None and observed.deployment.revision:
        in_use.add(observed.deployment.revision)
    spare = [one for one in observed.revisions if one.revision not in in_use and not one.deleting]
    return tuple(spare[settings.revision_history_limit :])


def _revisions_of_rollout(observed: Observed) -> set[str]:
    """The revisions that the rollout in status still needs: the one to go back to, until the candidate has taken over, and the candidate."""
    state = RolloutState.from_status(observed.owner.status.get("rollout"))
    if state is None or state.phase is Phase.PROMOTED:
        return set()
    return {state.stable, state.revision} if state.is_under_way else {state.stable}
