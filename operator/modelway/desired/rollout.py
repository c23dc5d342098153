"""The plan of a revision that takes the place of another one by a rollout: both run beside each other. Pure."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

from modelway.api.labels import CANARY, ROUTED_ANNOTATION, STABLE, TRACK_LABEL, name_on_track
from modelway.api.scaling import Scaling
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.children import controller_revision, job, route, service, traffic
from modelway.desired.children import deployment as deployments
from modelway.desired.evidence import Evidence, with_pins
from modelway.desired.gate import model_of, serve_on
from modelway.desired.pinning import Pinning, pinning_of, record_of, record_to_mark
from modelway.desired.places import traffic_name
from modelway.desired.plan import Plan, Step, make_plan, record_step, step_of, unwanted_children
from modelway.desired.revision import Revision, revision_of
from modelway.observed import Child, ChildId, JobView, Observed, RevisionView
from modelway.settings import Settings


class Candidate(NamedTuple):
    """What the revision of a rollout has beside the one that serves."""

    size: int
    """The number of its pods."""
    traffic: tuple[str, Mapping[str, Any]] | None = None
    """What the pods that serve are told of it, after the name of the file; None before it has an address."""
    answers: bool = False
    """Whether it gets requests, or copies of them."""
    replay: Mapping[str, Any] | None = None
    """The Job that asks it and the stable revision known rows; None where none is to run."""
    routed: int = 0
    """The percent of the requests that a Gateway sends to it."""
    by_gateway: bool = False
    """Whether a Gateway may know its pods, since it divides the requests, or did."""


def make_rollout_plan(
    deployment: ModelDeployment,
    observed: Observed,
    settings: Settings,
    *,
    stable: str | None,
    candidate: Candidate | None,
    evidence: Evidence | None,
    may_follow: bool = True,
) -> Plan:
    """Make the plan for a revision that may run: beside the stable one, or in its place.

    Args:
        deployment: what is asked for.
        observed: what exists.
        settings: what the platform decides.
        stable: the revision that serves on; None if the main Deployment runs the one that is asked for.
        candidate: what the one that is asked for has of its own; None while that is nothing.
        evidence: what the preflight of the revision found out; its pods fetch those very bytes.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
    """
    if stable is None:
        plan = make_plan(deployment, observed, settings, may_follow=may_follow, evidence=evidence)
        if candidate is None:
            return plan
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    pinning = pinning_of(deployment, revision, record, observed, settings, may_follow=True, evidence=evidence)
    if stable is not None:
        plan = _plan_beside(
            deployment, observed, settings, pinning, stable=stable, evidence=evidence, may_follow=may_follow
        )
    if candidate is None:
        return plan
    template = _template(pinning, plan.evidence)
    plan = _with_candidate(plan, candidate, template, deployment, settings)
    return _with_replay(plan, candidate.replay, observed)


def _plan_beside(
    deployment: ModelDeployment,
    observed: Observed,
    settings: Settings,
    pinning: Pinning,
    *,
    stable: str,
    evidence: Evidence | None,
    may_follow: bool,
) -> Plan:
    """The stable revision as it is, and the record of the other one."""
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    running = model_of(deployment, observed, stable)
    meanwhile = serve_on(deployment, pinning.template, observed, settings, running=running, may_follow=may_follow)
    own = record_step(deployment, observed, pinning.data, evidence)
    scaling = deployment.spec.scaling or Scaling()
    outdated = (record,) if record is not None and pinning.outdated else ()
    return Plan(
        revision=revision.hash,
        available=scaling.bounds[0],
        autoscaled=scaling.autoscaled,
        prune=(*_unwanted(meanwhile.prune, observed, (own, *meanwhile.steps), revision, evidence), *outdated),
        steps=(own, *meanwhile.steps),
        record_to_mark=record_to_mark(observed, revision),
        follows=meanwhile.follows,
        waits=meanwhile.waits,
        beside=stable,
        evidence=evidence,
    )


def _unwanted(
    pruned: Iterable[Child], observed: Observed, steps: Iterable[Step], revision: Revision, evidence: Evidence | None
) -> tuple[Child, ...]:
    """What the stable revision would prune, but for the record and the finished Job of the other one."""
    own = controller_revision.revision_name(observed.owner.key.name, revision.hash)
    jobs = {one.id for one in unwanted_children(observed, steps, revision, evidence) if isinstance(one, JobView)}
    others = (one for one in pruned if one.id != ChildId("ControllerRevision", own))
    return tuple(one for one in others if not isinstance(one, JobView) or one.id in jobs)


# The candidate ----------------------------------------------------------------------------------------------------------------------------


def _with_candidate(
    plan: Plan, candidate: Candidate, template: dict[str, Any], deployment: ModelDeployment, settings: Settings
) -> Plan:
    """The plan with the candidate's Service, its Deployment, and what tells the stable pods of it."""
    pods = deployments.build(deployment, plan.revision, template, candidate.size, settings, track=CANARY)
    if candidate.by_gateway:
        pods["metadata"]["annotations"] = {ROUTED_ANNOTATION: "true"}
    bodies = [service.build_for_candidate(deployment, settings), pods]
    if candidate.traffic is not None:
        bodies.append(traffic.build(deployment, *candidate.traffic))
    present = (_divided(one, deployment, candidate.routed) if candidate.routed else one for one in plan.steps)
    steps = (*(_without_shrinking(one) if candidate.answers else one for one in present), *map(step_of, bodies))
    # While the Service is made anew, its address is not known for a moment; what tells of the old one may stay.
    staying = {*(step.id for step in steps), ChildId("ConfigMap", traffic_name(deployment.metadata.name))}
    return replace(
        plan,
        steps=steps,
        prune=tuple(one for one in plan.prune if one.id not in staying or _is_outdated(one)),
    )


def _with_replay(plan: Plan, body: Mapping[str, Any] | None, observed: Observed) -> Plan:
    """The plan with the Job of a replay.

    A Job that asks something else goes first, and so does one whose pod went before anybody read its report.
    """
    if body is None:
        return plan
    step, proof = step_of(dict(body)), job.proof_of(body)
    present = observed.owned(step.id)
    if isinstance(present, JobView) and not present.deleting:
        is_lost = present.finished and not any(pod.proof == proof for pod in observed.replay_pods)
        if present.proof != proof or is_lost:
            return plan
    prune = tuple(one for one in plan.prune if one.id != step.id)
    return replace(plan, steps=(*plan.steps, step), prune=prune, replay=proof)


def _is_outdated(child: Child) -> bool:
    """Whether a child may be pruned and made again by one plan: the data of a record cannot be changed."""
    return isinstance(child, RevisionView)


def _template(pinning: Pinning, evidence: Evidence | None) -> dict[str, Any]:
    """The pod template of the revision that is asked for, on the track of candidates."""
    template = deepcopy(dict(with_pins(pinning.template, evidence)))
    spread = (one.get("labelSelector") or {} for one in template["spec"].get("topologySpreadConstraints") or ())
    for labels in (template["metadata"]["labels"], *(one.get("matchLabels") or {} for one in spread)):
        if labels.get(TRACK_LABEL) == STABLE:
            labels[TRACK_LABEL] = CANARY
    return template


def _divided(step: Step, deployment: ModelDeployment, weight: int) -> Step:
    """A route that sends a share of the requests to the candidate."""
    if step.id.kind != "HTTPRoute":
        return step
    return replace(step, body=route.with_candidate(step.body, name_on_track(deployment.metadata.name, CANARY), weight))


def _without_shrinking(step: Step) -> Step:
    """An autoscaler that takes no pod away while others answer for those that it measures: they must bear all requests at any moment."""
    if step.id.kind != "HorizontalPodAutoscaler":
        return step
    behavior: Mapping[str, Any] = step.body["spec"].get("behavior") or {}
    down = {**(behavior.get("scaleDown") or {}), "selectPolicy": "Disabled"}
    spec = {**step.body["spec"], "behavior": {**behavior, "scaleDown": down}}
    return replace(step, body={**step.body, "spec": spec})
