"""A child kind is told in one place: builders and the inventory are held to it; tests/chart/test_chart.py holds the chart's role."""

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli import inventory
from modelway.cluster import kinds
from modelway.cluster.kinds import CHILD_RIGHTS, CHILDREN, Kind
from modelway.desired.revision import revision_of
from modelway.observed import Observed
from modelway.planning import plan_of
from modelway.settings import Settings
from support.operator.observed import KEY, OLD, canary_service, deployment, observed, owner
from support.operator.specs import manifest


def _kinds_of_children() -> set[tuple[str, str]]:
    """Kind and version of every child of a spec that asks for all there are."""
    exposure = {"gateway": {"name": "shared"}}
    spec = manifest(KEY.name, scaling={"max": 3}, rollout={"strategy": "Canary"}, exposure=exposure)
    wanted = ModelDeployment.parse(spec)
    plans = [plan_of(wanted, observed(), Settings(preflight_enabled=proves)) for proves in (True, False)]
    plans.append(plan_of(wanted, _under_way(revision_of(wanted).hash), Settings(preflight_enabled=False)))
    return {(step.body["kind"], step.body["apiVersion"]) for plan in plans for step in plan.steps}


def _under_way(candidate: str) -> Observed:
    """A revision that serves, and another one that is its candidate."""
    rollout = {
        "id": "1",
        "strategy": "Canary",
        "phase": "Starting",
        "revision": candidate,
        "stable": OLD,
        "attempt": 1,
        "step": 0,
        "steps": 3,
        "weight": 0,
        "mirror": 0,
        "started": "2026-01-01T00:00:00Z",
    }
    by = owner(status={"stable": {"revision": OLD}, "rollout": rollout})
    return observed(deployment(revision=OLD), canary_service(), by=by)


def test_children_are_built_of_the_kinds_in_the_table() -> None:
    assert _kinds_of_children() == {(kind.name, kind.api_version) for kind in CHILDREN}


@pytest.mark.parametrize("kind", CHILDREN, ids=lambda kind: kind.name)
def test_a_child_kind_has_its_rights_and_its_line(kind: Kind) -> None:
    assert set(kind.rights) >= set(CHILD_RIGHTS)
    assert kind.name in inventory.DESCRIPTIONS


def test_every_name_stands_for_one_kind() -> None:
    assert len({kind.name for kind in kinds.WATCHED}) == len(kinds.WATCHED)
