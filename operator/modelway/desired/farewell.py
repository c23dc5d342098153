"""When the candidate of a rollout may go, or make room for another, whose requests a Gateway divided. Pure.

A Gateway learns later than the operator that the candidate gets nothing any more. Until its controller has said so, the candidate's Deployment stays as it is,
and it answers. Its Service stays as long as it has pods, which drain: a Gateway may reach pods by the address of their Service. The Deployment itself is marked
as one that a Gateway knew, since status may tell of another rollout by then, or of none.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from modelway.api.labels import CANARY, name_on_track
from modelway.desired.plan import Plan
from modelway.observed import Child, ChildId, Observed, RouteView
from modelway.rollout.routing import FAREWELL


def keep_while_routed(plan: Plan, observed: Observed, now: datetime) -> Plan:
    """The plan without what may not be done yet to a candidate: neither is it pruned, nor do pods of another one take its place.

    Args:
        plan: what is to be done.
        observed: what exists, before it.
        now: the time, with a time zone.
    """
    name = name_on_track(observed.owner.key.name, CANARY)
    route, pods, service = observed.route, ChildId("Deployment", name), ChildId("Service", name)
    is_wanted = route is not None and any(step.id == route.id for step in plan.steps)
    if route is None or not is_wanted:
        return plan
    staying = {pods} if _may_lead_to_candidate(name, route, observed, now) else set()
    if staying and _is_replaced(plan, observed, pods):
        steps = tuple(step for step in plan.steps if step.id != pods)
        return replace(plan, steps=steps, holds_back=True, behind=_revision_of_candidate(observed))
    if not _is_pruned(plan.prune, pods, service):
        return plan
    staying |= {service} if staying or observed.canary_pods else set()
    return replace(plan, prune=tuple(one for one in plan.prune if one.id not in staying), holds_back=bool(staying))


def _is_replaced(plan: Plan, observed: Observed, pods: ChildId) -> bool:
    """Whether the plan has pods of another revision take the place of a candidate's."""
    return (
        observed.canary is not None
        and observed.canary.revision != plan.revision
        and any(step.id == pods for step in plan.steps)
    )


def _revision_of_candidate(observed: Observed) -> str:
    return (observed.canary.revision if observed.canary is not None else None) or "unknown"


def _is_pruned(children: Iterable[Child], *names: ChildId) -> bool:
    return any(one.id in names for one in children)


def _may_lead_to_candidate(service: str, route: RouteView, observed: Observed, now: datetime) -> bool:
    """Whether the Gateway may still send requests to the candidate that is there."""
    if route.shares.get(service):
        return True
    if observed.canary is None or not observed.canary.by_gateway:
        return False  # no Gateway ever knew its pods
    if any(one.generation >= route.generation for one in route.answers):
        return False
    return bool(route.changed) and now - datetime.fromisoformat(route.changed) < FAREWELL
