"""Readiness while the number of pods changes: what serves is counted, and what cannot be started beside it is told."""

import pytest

from modelway.observed import Condition, Termination
from modelway.status.readiness import Target, judge
from support.operator.observed import NEW, container, deployment, observed, pod

DENIED = container(
    "fetch", termination=Termination(11, "Error", '{"reason": "AccessDenied", "message": "No keys.", "remedy": ""}')
)


def test_growth_beyond_the_minimum_keeps_ready() -> None:
    assert judge(observed(deployment(size=5, available=2)), Target(NEW, 2)).ready


def test_a_refusal_of_pods_that_are_no_longer_wanted_is_over() -> None:
    refused = Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: team, requested: pods=1")
    assert (
        judge(observed(deployment(replicas=2, updated=1, available=1, conditions=(refused,))), Target(NEW, 1)).reason
        == "Progressing"
    )


def test_failed_scale_up_is_counted_beside_ready() -> None:
    pods = tuple(pod(DENIED, name=f"fraud-{number}") for number in range(8))
    verdict = judge(observed(deployment(size=10, available=2), pods=pods), Target(NEW, 2))
    assert verdict.ready
    assert "with 2 of 10 pods. 8 cannot be started (AccessDenied): No keys." in verdict.message


def test_refused_scale_up_is_reported_beside_ready() -> None:
    refused = Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: team, requested: pods=1")
    verdict = judge(observed(deployment(size=3, replicas=2, conditions=(refused,))), Target(NEW, 2))
    assert verdict.ready
    assert "2 of 3 pods. 1 cannot be started (QuotaExceeded)" in verdict.message


@pytest.mark.parametrize("is_current", [True, False])
def test_pods_that_are_added_stand_in_for_no_other_revision(*, is_current: bool) -> None:
    verdict = judge(observed(deployment(size=3, available=2, observed=is_current)), Target(NEW, 3))
    assert (verdict.reason, verdict.message) == (
        "Progressing",
        f"2 of 3 pods of revision {NEW} serve; 1 is being started.",
    )


def test_autoscaled_deployment_at_zero_is_reported() -> None:
    verdict = judge(observed(deployment(size=0)), Target(NEW, 2))
    assert (verdict.reason, verdict.ready) == ("ScalingDisabled", False)
    assert "kubectl scale deployment/fraud -n risk --replicas=2" in verdict.message


def test_a_fixed_size_that_cannot_be_reached_is_counted() -> None:
    pods = tuple(pod(DENIED, name=f"fraud-{number}") for number in range(2))
    verdict = judge(observed(deployment(size=5, available=3), pods=pods), Target(NEW, 5))
    assert (verdict.reason, verdict.ready) == ("AccessDenied", False)
    assert verdict.message == "3 of 5 pods serve; 2 cannot be started: No keys."


def test_a_fixed_size_that_is_refused_is_counted() -> None:
    refused = Condition("ReplicaFailure", "True", "FailedCreate", "exceeded quota: team, requested: pods=1")
    verdict = judge(observed(deployment(size=2, replicas=1, conditions=(refused,))), Target(NEW, 2))
    assert verdict.message.startswith("1 of 2 pods serves; 1 cannot be started: Quota team of namespace risk")
