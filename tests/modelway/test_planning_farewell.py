"""A candidate whose requests a Gateway divided makes room for the next one, from the plan to what status says of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelway.api.labels import CANARY
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster import kinds
from modelway.cluster.rollouts import Rollouts, Standing
from modelway.cluster.scrape import Scraper
from modelway.cluster.views import view
from modelway.desired.farewell import keep_while_routed
from modelway.desired.plan import Plan
from modelway.desired.revision import revision_of
from modelway.observed import Child, DeploymentView, Observed, RouteAnswer
from modelway.planning import plan_of
from modelway.settings import Settings
from support.operator.observed import NEW, OLD, canary_service, deployment, observed, owner, pod, route

SETTINGS = Settings(preflight_enabled=False)
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
CHANGED = "2026-01-02T11:59:00Z"
LONG_AGO = "2026-01-02T10:00:00Z"
LET_GO = (RouteAnswer("Accepted", "True", "", "", 2),)


def _spec(routing: str) -> dict[str, Any]:
    rollout = {"strategy": "Canary", "trafficRouting": routing}
    return {"model": {"uri": "s3://models/next"}, "exposure": {"gateway": {"name": "shared"}}, "rollout": rollout}


WANTED = revision_of(ModelDeployment.parse(owner(_spec("Server")).document)).hash


def _around(*children: Child, routing: str = "Gateway", **more: Any) -> Observed:
    """A rollout to the wanted revision that began long ago, beside a stable one that serves."""
    identity = {"id": "b-1", "strategy": "Canary", "revision": WANTED, "stable": OLD, "attempt": 1}
    course = {"phase": "Starting", "step": 0, "steps": 3, "weight": 0, "mirror": 0, "unready": LONG_AGO}
    by_gateway = {"routing": "Gateway"} if routing == "Gateway" else {}
    state = {**identity, **course, **by_gateway, "started": LONG_AGO, **more}
    by = owner(_spec(routing), status={"stable": {"revision": OLD}, "rollout": state})
    up = (pod(revision=OLD, ready=True),)
    return observed(deployment(revision=OLD), canary_service(), *children, by=by, pods=up)


def _plan(around: Observed, now: datetime = NOW) -> Plan:
    return keep_while_routed(plan_of(ModelDeployment.parse(around.owner.document), around, SETTINGS), around, now)


def _after(around: Observed, now: datetime = NOW) -> dict[str, Any]:
    """What a pass makes of `status.rollout`."""
    model, rollouts = ModelDeployment.parse(around.owner.document), Rollouts(Scraper(), SETTINGS)
    standing = Standing(stable=OLD, size=1)
    progress = asyncio.run(rollouts.advance(model, _plan(around, now), around, standing, now))
    return dict(progress.rollout or {})


def _canary_body(plan: Plan) -> dict[str, Any]:
    [body] = [step.body for step in plan.steps if str(step.id) == "Deployment fraud-canary"]
    return body


@pytest.mark.parametrize("routing", ["Gateway", "Server"])
def test_wait_for_a_gateway_is_no_time_of_the_next_candidate(routing: str) -> None:
    before = deployment(revision=NEW, track=CANARY, by_gateway=True)
    around = _around(before, route(changed=CHANGED), routing=routing)
    assert "Deployment fraud-canary" not in [str(step.id) for step in _plan(around).steps]
    after = _after(around)
    assert (after["phase"], after.get("unready")) == ("Starting", None)
    assert f"until the Gateway lets go of revision {NEW}" in after["message"]
    let_go = _around(before, route(changed=CHANGED, answers=LET_GO), routing=routing, unready=None)
    assert _canary_body(_plan(let_go))["spec"]["template"]["metadata"]["labels"]["modelway.dev/revision"] == WANTED
    assert _after(let_go)["unready"] == "2026-01-02T12:00:00Z"


def test_candidate_whose_pods_never_come_rolls_back_with_its_own_pods() -> None:
    after = _after(_around(deployment(revision=WANTED, track=CANARY), route()))
    assert (after["phase"], after["cause"]) == ("RolledBack", "CandidateNotReady")
    assert f"-l modelway.dev/track=canary,modelway.dev/revision={WANTED}" in after["message"]


def test_silent_gateway_is_told_where_nobody_serves() -> None:
    around = _around(deployment(revision=NEW, track=CANARY, by_gateway=True), route(changed=CHANGED))
    alone = observed(*around.children.values(), by=around.owner)
    message = _after(alone)["message"]
    assert message.startswith("no stable pod is ready")
    assert f"lets go of revision {NEW}" in message


def _is_marked(around: Observed) -> bool:
    """Whether the candidate's Deployment, as the plan has it, is seen as one that a Gateway knows."""
    body = _canary_body(_plan(around))
    labels = {**body["metadata"], "uid": "u", "resourceVersion": "1"}
    deployed = view(kinds.DEPLOYMENT, {**body, "metadata": labels})
    assert isinstance(deployed, DeploymentView)
    return deployed.by_gateway


@pytest.mark.parametrize("routing", ["Gateway", "Server"])
def test_deployment_tells_whether_a_gateway_knows_its_pods(routing: str) -> None:
    assert _is_marked(_around(routing=routing)) == (routing == "Gateway")


def test_pods_that_a_gateway_knew_are_known_after_another_routing() -> None:
    own, other = (deployment(revision=one, track=CANARY, by_gateway=True) for one in (WANTED, NEW))
    assert _is_marked(_around(own, route(answers=LET_GO), routing="Server"))
    assert not _is_marked(_around(other, route(answers=LET_GO), routing="Server"))


def test_candidate_that_no_gateway_knew_makes_room_at_once() -> None:
    around = _around(deployment(revision=NEW, track=CANARY), route(changed=CHANGED), routing="Server")
    assert _plan(around, NOW + timedelta(seconds=1)).behind is None
    assert _after(around)["phase"] == "RolledBack", "its own time is long over"
