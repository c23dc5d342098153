"""A candidate stays until the Gateway that divided the requests has let go of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modelway.api.labels import CANARY
from modelway.desired.farewell import keep_while_routed
from modelway.desired.plan import Plan, Step
from modelway.observed import ChildId, RouteAnswer
from modelway.rollout.routing import FAREWELL
from support.operator.observed import KEY, NEW, OLD, canary_service, deployment, observed, pod, route

CHANGED = datetime(2026, 1, 1, tzinfo=UTC)
OF_NOW, OF_BEFORE = RouteAnswer("Accepted", "True", "", "", 2), RouteAnswer("Accepted", "True", "", "", 1)
PODS, SERVICE = "Deployment", "Service"


def _pruned(
    *, pods: int = 0, seconds: float = 1, wanted: bool = True, by_gateway: bool = True, **fields: Any
) -> list[str]:
    """The kinds of a candidate's children that go now."""
    own = replace(route(changed="2026-01-01T00:00:00Z"), **fields)
    children = (deployment(track=CANARY, by_gateway=by_gateway), canary_service())
    world = observed(*children, own, canary_pods=(pod(),) * pods)
    steps = (Step(ChildId("HTTPRoute", KEY.name), {}),) if wanted else ()
    plan = Plan(revision=NEW, available=1, autoscaled=False, prune=children, steps=steps)
    after = keep_while_routed(plan, world, CHANGED + timedelta(seconds=seconds))
    assert after.holds_back == (len(after.prune) < 2)
    return [one.id.kind for one in after.prune]


@pytest.mark.parametrize(
    ("fields", "gone"),
    [
        ({"shares": {"fraud": 80, "fraud-canary": 20}, "answers": (OF_NOW,)}, []),
        ({"answers": (OF_BEFORE,)}, []),
        ({"answers": ()}, []),
        ({"answers": (OF_BEFORE,), "seconds": FAREWELL.total_seconds()}, [PODS, SERVICE]),
        ({"answers": (OF_NOW,), "pods": 1}, [PODS]),
        ({"answers": (OF_NOW,)}, [PODS, SERVICE]),
        ({"answers": (), "wanted": False}, [PODS, SERVICE]),
        ({"answers": (), "by_gateway": False}, [PODS, SERVICE]),
        ({"answers": (), "changed": ""}, [PODS, SERVICE]),
    ],
    ids=[
        *("routed", "not seen", "silent", "silent for long", "pods drain", "let go", "no route is wanted"),
        *("no Gateway divided", "nobody knows since when"),
    ],
)
def test_candidate_goes_when_no_gateway_leads_to_it(fields: dict[str, Any], gone: list[str]) -> None:
    assert _pruned(**fields) == gone


def test_service_goes_after_the_pods() -> None:
    world = observed(canary_service(), route(answers=(OF_NOW,)), canary_pods=(pod(),))
    plan = Plan(
        revision=NEW,
        available=1,
        autoscaled=False,
        prune=(canary_service(),),
        steps=(Step(ChildId("HTTPRoute", KEY.name), {}),),
    )
    assert keep_while_routed(plan, world, CHANGED).prune == ()


def _replacement(
    *, revision: str | None = OLD, by_gateway: bool = True, **fields: Any
) -> tuple[list[str], bool, str | None]:
    """Whether a candidate's pods take the place of another's now: what is applied, whether the plan holds back, and behind which revision."""
    own = replace(route(changed="2026-01-01T00:00:00Z"), **fields)
    candidate = replace(deployment(track=CANARY, by_gateway=by_gateway), revision=revision)
    steps = tuple(Step(one, {}) for one in (ChildId("HTTPRoute", KEY.name), candidate.id))
    plan = Plan(revision=NEW, available=1, autoscaled=False, prune=(), steps=steps)
    after = keep_while_routed(plan, observed(candidate, own), CHANGED + timedelta(seconds=1))
    return [step.id.kind for step in after.steps], after.holds_back, after.behind


ROUTED: dict[str, Any] = {"shares": {"fraud": 80, "fraud-canary": 20}, "answers": (OF_NOW,)}


@pytest.mark.parametrize("fields", [ROUTED, {"answers": (OF_BEFORE,)}], ids=["routed", "not seen"])
def test_next_candidate_waits_while_a_gateway_leads_to_this(fields: dict[str, Any]) -> None:
    assert _replacement(**fields) == (["HTTPRoute"], True, OLD)


def test_candidate_waits_for_pods_of_an_unknown_revision_too() -> None:
    assert _replacement(revision=None, **ROUTED) == (["HTTPRoute"], True, "unknown")


@pytest.mark.parametrize(
    "fields",
    [{"answers": (OF_NOW,)}, {**ROUTED, "revision": NEW}, {"answers": (), "by_gateway": False}],
    ids=["let go", "the same candidate", "no Gateway divided"],
)
def test_candidate_is_applied_when_nobody_else_is_led_to(fields: dict[str, Any]) -> None:
    assert _replacement(**fields) == (["HTTPRoute", PODS], False, None)
