"""Conditions while a revision comes by a rollout: what serves is available, and a rollback stands still until the spec changes."""

from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.api.labels import CANARY
from modelway.api.v1alpha1 import ModelDeployment
from modelway.observed import Child, Observed, PodView
from modelway.planning import plan_of
from modelway.settings import Settings
from modelway.status.report import Finding, status_of
from support.operator.observed import OLD, canary_service, container, deployment, observed, owner, pod, revision

SETTINGS = Settings(preflight_enabled=False)
NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
SPEC: dict[str, Any] = {"model": {"uri": "s3://models/new.joblib"}, "rollout": {"strategy": "Canary"}}
NEW = plan_of(ModelDeployment.parse(owner(SPEC).document), observed(by=owner(SPEC)), SETTINGS).revision


def _around(rollout: dict[str, Any] | None, *children: Child, pods: tuple[PodView, ...] = ()) -> Observed:
    by = owner(SPEC, status={"stable": {"revision": OLD}, **({"rollout": rollout} if rollout else {})})
    serving = (pod(name="fraud-1", revision=OLD, ready=True),)
    around = (deployment(revision=OLD), canary_service(), revision(OLD, 1, served=True), *children)
    return observed(*around, by=by, pods=serving, canary_pods=pods)


def _rollout(phase: str, message: str = "", **more: Any) -> dict[str, Any]:
    identity = {"id": "a-1", "strategy": "Canary", "revision": NEW, "stable": OLD, "attempt": 1, "message": message}
    course = {"phase": phase, "step": 0, "steps": 3, "weight": 0, "mirror": 0, "started": "2026-01-02T11:00:00Z"}
    return {**identity, **course, **more}


def _status(around: Observed) -> dict[str, Any]:
    plan = plan_of(ModelDeployment.parse(around.owner.document), around, SETTINGS)
    finding = Finding(plan, rollout=around.owner.status.get("rollout"))
    return status_of(around, finding, service_port=80, now=NOW)


def _conditions(status: dict[str, Any]) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status["conditions"]}


def _ready(status: dict[str, Any]) -> tuple[str, str]:
    return next((one["reason"], one["message"]) for one in status["conditions"] if one["type"] == "Ready")


@pytest.mark.parametrize(
    ("phase", "expected_reason"),
    [("Starting", "RolloutProgressing"), ("Progressing", "RolloutProgressing"), ("Paused", "RolloutSuspended")],
)
def test_rollout_under_way_reconciles_while_the_stable_one_serves(phase: str, expected_reason: str) -> None:
    status = _status(_around(_rollout(phase, "37 of about 240 requests")))
    reason, message = _ready(status)
    assert (reason, message) == (expected_reason, f"The rollout of revision {NEW}: 37 of about 240 requests.")
    held = {"Ready": "False", "Reconciling": "True", "Stalled": "False", "Available": "True"}
    assert held.items() <= _conditions(status).items()
    assert (status["stable"]["revision"], status["candidate"]["revision"]) == (OLD, NEW)


def test_rollback_stalls_with_its_numbers() -> None:
    status = _status(_around(_rollout("RolledBack", f"revision {NEW} answered 9 of 60 otherwise", cause="Analysis")))
    assert _ready(status) == ("RolledBack", f"Revision {NEW} answered 9 of 60 otherwise")
    held = {"Ready": "False", "Reconciling": "False", "Stalled": "True", "Available": "True"}
    assert held.items() <= _conditions(status).items()
    assert (status["stable"]["revision"], status["candidate"]["reason"]) == (OLD, "RolledBack")


def test_what_may_pass_keeps_the_candidate_from_starting() -> None:
    waiting = (pod(revision=NEW, unschedulable="0/3 nodes are available: 3 Insufficient memory."),)
    canary = deployment(revision=NEW, available=0, track=CANARY)
    reason, message = _ready(_status(_around(_rollout("Starting"), canary, pods=waiting)))
    assert reason == "Unschedulable"
    assert f"Revision {OLD} serves all requests meanwhile." in message


def test_before_a_rollout_begins_nothing_is_said_of_pods() -> None:
    reason, message = _ready(_status(_around(None)))
    assert (reason, OLD in message, NEW in message) == ("RolloutProgressing", True, True)


def test_candidate_is_accepted_once_its_pods_are_up() -> None:
    canary = deployment(revision=NEW, track=CANARY)
    up = (pod(container(), name="fraud-canary-1", revision=NEW, ready=True),)
    assert _conditions(_status(_around(_rollout("Starting"), canary, pods=up)))["ModelAccepted"] == "True"


def test_candidate_that_answered_stays_accepted_after_its_rollback() -> None:
    answered = _rollout("RolledBack", timeoutFrom="2026-01-02T11:00:09Z")
    assert _conditions(_status(_around(answered)))["ModelAccepted"] == "True"
    assert _conditions(_status(_around(_rollout("RolledBack"))))["ModelAccepted"] == "Unknown"


def test_pods_of_a_candidate_count_for_nobody_else() -> None:
    canary = deployment(revision=NEW, size=5, track=CANARY)
    up = (pod(container(), name="fraud-canary-1", revision=NEW, ready=True),)
    status = _status(_around(_rollout("Progressing", weight=50), canary, pods=up))
    assert (status["replicas"], status["pods"], status["stable"]["revision"]) == (1, "1/1", OLD)


@pytest.mark.parametrize(
    ("phase", "expected_stable"),
    [("Promoting", OLD), ("RolledBack", OLD), ("Promoted", NEW)],
)
def test_candidate_is_stable_at_the_end_of_its_promotion(phase: str, expected_stable: str) -> None:
    """All pods may be of the candidate before that, and an order may still send it back."""
    rollout = _rollout(phase, weight=50 if phase == "Promoting" else 0)
    by = owner(SPEC, status={"stable": {"revision": OLD}, "rollout": rollout})
    main = deployment(revision=NEW, size=3, available=2)
    around = observed(main, revision(OLD, 1, served=True), revision(NEW, 2), by=by)
    plan = plan_of(ModelDeployment.parse(by.document), observed(main, by=owner(SPEC)), SETTINGS)
    status = status_of(around, Finding(plan, rollout=rollout), service_port=80, now=NOW)
    assert status["stable"]["revision"] == expected_stable


def test_promotion_without_room_is_told_while_others_answer() -> None:
    message = "37 requests show that the candidate is not worse; `modelway abort` returns meanwhile"
    rollout = _rollout("Promoting", message, weight=50)
    by = owner(SPEC, status={"stable": {"revision": OLD}, "rollout": rollout})
    main = deployment(revision=NEW, size=1, replicas=2, updated=1, available=1)
    pending = pod(name="fraud-2", revision=NEW, unschedulable="0/3 nodes are available: 3 Insufficient cpu.")
    serving, canary = pod(name="fraud-1", revision=OLD, ready=True), deployment(revision=NEW, track=CANARY)
    around = observed(main, canary, canary_service(), revision(OLD, 1, served=True), by=by, pods=(serving, pending))
    status = _status(around)
    reason, words = _ready(status)
    assert (reason, _conditions(status)["Available"]) == ("Unschedulable", "True")
    assert "No node takes pod fraud-2" in words
    assert "`modelway abort`" in status["rollout"]["message"]
